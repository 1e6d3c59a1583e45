/* pending_changes.h: what a signal handler mapped or unmapped while it interrupted the engine on its own thread.
 *
 *   slot:  free ─► being written ─► written ─► taken out, in the order of serials ─► free
 *
 * Memory:  a static array.
 * Threads: any, lock-free; one thread removes at a time.
 * Signals: push is safe.
 * Fork:    a change that another thread was writing is dropped.
 * Full:    push returns false.
 */
#ifndef SP_PENDING_CHANGES_H
#define SP_PENDING_CHANGES_H

#include "range_table.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum sp_map_change_kind {
    SP_MAP_MADE,     /* [start, end) is now `made`; if that is not filled in, the range is not listed */
    SP_MAP_UNMADE,   /* [start, end) is gone */
    SP_MAP_MOVED,    /* [old_start, old_end) has become [start, end) */
    SP_MAP_DETACHED, /* the segment that shmat attached at `start` is gone */
} sp_map_change_kind;

/* The changes that one call made. */
typedef struct sp_map_change {
    sp_map_change_kind kind;
    uintptr_t start, end;
    uintptr_t old_start, old_end;
    uint64_t last_serial; /* the last serial when the call began: the call did not remove ranges with later ones */
    bool keeps_old;       /* for a move: the old range is still mapped */
    bool has_gaps;        /* for a move: the old range had gaps; what is mapped there in the new one stays */
    bool is_listed;       /* `made` is filled in, and it holds its stack */
    sp_range made;        /* for a move: the new range, if it has grown */
} sp_map_change;

#define SP_PENDING_CHANGES 64

typedef struct sp_pending_change {
    _Atomic uint32_t state;
    sp_map_change change;
} sp_pending_change;

typedef struct sp_pending_changes {
    _Atomic uint32_t count; /* an upper bound on the number of changes */
    sp_pending_change slots[SP_PENDING_CHANGES];
} sp_pending_changes;

bool sp_pending_changes_push(sp_pending_changes *pending, const sp_map_change *change);

/* Remove the earliest change. Return false if there is none. */
bool sp_pending_changes_pop(sp_pending_changes *pending, sp_map_change *change);

/* Repair the list after fork. `inside`: the forking thread may have interrupted its own push, and continues it. */
void sp_pending_changes_repair_after_fork(sp_pending_changes *pending, bool inside);

#endif
