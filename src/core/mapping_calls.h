/* mapping_calls.h: one call of the mmap family, from the hook to the table of ranges.
 *
 *   hook:  begin (which serial was the last?) ─► the original ─► what it did, if it succeeded
 *
 * The table is updated after the call. Before the update, another thread may map the unmapped range again. The entry of
 * that new mapping stays, because its serial is later than the last one at the time the unmapping call began. So a
 * failed call leaves nothing to put back, and no lock is held during the call.
 *
 * Memory:  range_table.h.
 * Threads: any. Signals: safe. errno: preserved.
 */
#ifndef SP_MAPPING_CALLS_H
#define SP_MAPPING_CALLS_H

#include "spprof.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sp_map_call {
    uint64_t last_serial;
    uint32_t process_id;
    bool is_followed; /* some range is or may be listed */
    bool is_listed;   /* list what the call makes, if the sample decision says so */
} sp_map_call;

/* Begin a call. `caller`: the code that called the hook. */
sp_map_call sp_map_call_begin(const void *caller);

/* Record that a mapping was made, perhaps in place of others. */
typedef struct sp_map_result {
    uintptr_t start;
    size_t size;
    spprof_mapping_kind kind;
    bool is_system_v;
} sp_map_result;
void sp_map_call_made(const sp_map_call *call, const sp_map_result *result);

void sp_map_call_unmade(const sp_map_call *call, uintptr_t start, size_t size);

/* What an mremap call did. */
typedef struct sp_map_move {
    uintptr_t old, start;
    size_t old_size, size;
    bool keeps_old; /* the old range is still mapped */
    bool has_gaps;  /* the old range had gaps; what is mapped there in the new range stays (Linux 6.17 on) */
} sp_map_move;
/* Begin a move, given its old range and size. End each such call with one of the other two functions. */
sp_map_call sp_map_call_begin_move(const void *caller, sp_map_move *move, bool is_fixed);
void sp_map_call_moved(const sp_map_call *call, const sp_map_move *move);
void sp_map_call_move_failed(const sp_map_call *call, const sp_map_move *move, bool is_fixed);

/* Record that shmdt detached the segment attached at `start`. */
void sp_map_call_detached(const sp_map_call *call, uintptr_t start);

/* Record that a call failed, but may have unmapped this range first. */
void sp_map_call_failed(const sp_map_call *call, uintptr_t start, size_t size);

/* Leave out mappings made by calls from this code. */
void sp_map_calls_leave_out(uintptr_t start, uintptr_t end);

/* Create the table at the first start; repair it in a forked child. */
bool sp_map_calls_create(void);
void sp_map_calls_repair_after_fork(void);

#endif
