/* record_pool.h: room for stack records, used again and again.
 *
 *   size class:   8   10  12  14  16   20  24  28  32   40 …  1024 frames
 *   free:         ▼   ▼   ▼ …          a list of records each, its head a pointer with a tag
 *
 * Rounding up to a class wastes a fifth at most. A class that has none takes one of the next four, so that a program
 * whose stacks become shorter needs no more room.
 *
 * Memory:  an arena; nothing goes back to the kernel. At most as much as all records that exist at once need, for each
 *          class that has been used.
 * Threads: any, lock-free. The tag changes with each take, so that a list is not taken for what it was before.
 * Signals: safe.
 * Full:    NULL.
 */
#ifndef SP_RECORD_POOL_H
#define SP_RECORD_POOL_H

#include "arena.h"
#include "stack_record.h"

#define SP_RECORD_CLASSES 29

typedef struct sp_record_pool {
    sp_arena arena;
    _Atomic uint64_t free[SP_RECORD_CLASSES]; /* [ tag 19 | address >> 3, 45 ] */
} sp_record_pool;

/* Room for a record of so many frames, with its size_class, id 0 and whatever else it last held. */
sp_stack_record *sp_record_pool_take(sp_record_pool *pool, uint32_t frames);

/* Nobody can be reading it any more (grace.h). */
void sp_record_pool_give(sp_record_pool *pool, sp_stack_record *record);

#endif
