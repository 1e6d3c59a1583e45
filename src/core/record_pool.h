/* record_pool.h: reusable memory for stack records.
 *
 *   size class:   8   10  12  14  16   20  24  28  32   40 …  1024 frames
 *   free:         ▼   ▼   ▼ …          one list of records per class; its head is a tagged pointer
 *
 * Rounding up to a class wastes at most a fifth. An empty class takes a record from one of the next four, so that a
 * program whose stacks become shorter needs no additional memory.
 *
 * Memory:  an arena; nothing is returned to the kernel. Each class that has been used takes at most as much as all
 *          records that exist at one time need.
 * Threads: any, lock-free. The tag changes with each take, so that an old state of a list is not mistaken for the
 *          current one (ABA).
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

/* Return a record with room for `frames` frames. Its size_class is set and its id is 0; the rest contains whatever
 * was there before. */
sp_stack_record *sp_record_pool_take(sp_record_pool *pool, uint32_t frames);

/* Put back a record that no thread can still be reading (grace.h). */
void sp_record_pool_give(sp_record_pool *pool, sp_stack_record *record);

#endif
