/* mapping_calls.h: one call of mmap's family, from the hook to the table of ranges.
 *
 *   hook:  begin (which serial was the last?) ─► the original ─► what it did, if it succeeded
 *
 * The table is told behind the call. Another thread may be given an unmapped range again before that, and its entry
 * stays all the same: its serial is later than the last one when the unmapping call began. So nothing has to be put
 * back where a call fails, and no lock is held during it.
 *
 * Memory:  range_table.h.
 * Threads: any. Signals: safe. errno: kept.
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
    bool is_followed; /* something is listed, or may be */
    bool is_listed;   /* what it makes is listed, if the sample decision wants it */
} sp_map_call;

/* `caller`: the code that called the hook. */
sp_map_call sp_map_call_begin(const void *caller);

/* A mapping was made, perhaps in the place of others. */
typedef struct sp_map_result {
    uintptr_t start;
    size_t size;
    spprof_mapping_kind kind;
    bool is_system_v;
} sp_map_result;
void sp_map_call_made(const sp_map_call *call, const sp_map_result *result);

void sp_map_call_unmade(const sp_map_call *call, uintptr_t start, size_t size);

/* mremap. */
typedef struct sp_map_move {
    uintptr_t old, start;
    size_t old_size, size;
    bool keeps_old; /* the old range is still mapped */
    bool has_gaps;  /* the old range had, and where they come to lie everything stays (from Linux 6.17 on) */
} sp_map_move;
/* Of its old range and size. Each such call ends with one of the other two. */
sp_map_call sp_map_call_begin_move(const void *caller, sp_map_move *move, bool is_fixed);
void sp_map_call_moved(const sp_map_call *call, const sp_map_move *move);
void sp_map_call_move_failed(const sp_map_call *call, const sp_map_move *move, bool is_fixed);

/* shmdt of what was attached at `start`. */
void sp_map_call_detached(const sp_map_call *call, uintptr_t start);

/* A call failed that may have unmapped this range first. */
void sp_map_call_failed(const sp_map_call *call, uintptr_t start, size_t size);

/* Mappings made by calls from this code are left out. */
void sp_map_calls_leave_out(uintptr_t start, uintptr_t end);

/* By the first start; in a forked child. */
bool sp_map_calls_create(void);
void sp_map_calls_repair_after_fork(void);

#endif
