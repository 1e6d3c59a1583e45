/* pool.h: samples of pools that keep small blocks to themselves and hand larger requests down to a lower hook.
 *
 *   sample of n <= 512 bytes:   handoff_begin ─► pool: 513 bytes ─► lower hook: "a sample of n" ─► handoff_end
 *   realloc to n <= 512 bytes:  already counted ─► pool ┬─ its own block: nobody asks
 *                                                       └─ malloc's: lower hook: moves it, decides nothing
 *
 * That a realloc is already counted is not taken back when the pool does not hand it down, so that the pool's hook can
 * end in the call of the original. The address is the pool's then, and no lower hook is given it before another such
 * realloc of this thread has taken the place. (Unless its arena is unmapped, and malloc, given the same memory, hands
 * out a block at that very address, which this thread reallocates to a small size without a small realloc of the pool's
 * in between. Then one decision about a small block is missed.)
 *
 * Threads: each its own words (spprof_thread).
 * Signals: a handler that reallocates between hook and lower hook takes the place, and the realloc is counted again.
 */
#ifndef SP_POOL_H
#define SP_POOL_H

#include "spprof.h"

/* The smallest request that a pool for up to 512 bytes hands down, and what debug layers may make of it. */
#define SP_HANDOFF_MIN 513
#define SP_HANDOFF_MAX 609

/* Decides whether a pool's allocation of `size` <= 512 bytes that did not pass becomes a sample. True: it does. Ask the
 * pool for SP_HANDOFF_MIN bytes, which it hands down to the lower hook, and call sp_handoff_end afterwards. */
bool sp_handoff_begin(size_t size);
/* True if the lower hook completed the sample. False: the sample is lost, and the loss is counted. */
bool sp_handoff_end(void);

/* Debug layers put up to this many bytes before the block that the pool's caller knows. */
#define SP_ALREADY_COUNTED_REACH 64

/* A pool's realloc of `old` was counted and decided. */
static inline void sp_already_counted_begin(const void *old) {
    spprof_this_thread.already_counted = (uintptr_t)old;
}

/* Whether the lower realloc of `old` to `size` is that one. */
static inline bool sp_is_already_counted(const void *old, size_t size) {
    if (size > SP_HANDOFF_MAX) return false;
    uintptr_t counted = spprof_this_thread.already_counted;
    return __builtin_expect(counted - (uintptr_t)old <= SP_ALREADY_COUNTED_REACH, 0) && counted != 0;
}

/* The lower hook that counts has seen it. */
static inline void sp_already_counted_end(void) {
    spprof_this_thread.already_counted = 0;
}

#endif
