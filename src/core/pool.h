/* pool.h: samples from pools that serve small blocks themselves and pass larger requests to a lower hook.
 *
 *   sample of n <= 512 bytes:   handoff_begin ─► pool: 513 bytes ─► lower hook: "a sample of n" ─► handoff_end
 *   realloc to n <= 512 bytes:  already counted ─► pool ┬─ its own block: no hook is called
 *                                                       └─ malloc's: lower hook: moves it, decides nothing
 *
 * If the pool does not pass a realloc down, the already-counted mark is not removed, so that the pool's hook can end by
 * calling the original. The address then belongs to the pool, and no lower hook receives it before another such realloc
 * of this thread has overwritten the mark. (The exception: the block's arena is unmapped, malloc gets the same memory
 * and returns a block at that very address, and this thread reallocates it to a small size, with no small realloc in
 * the pool in between. Then the sample decision for one small block is missed.)
 *
 * Threads: each has its own words (spprof_thread).
 * Signals: if a handler reallocates between the hook and the lower hook, it overwrites the mark, and the realloc is
 *          counted again.
 */
#ifndef SP_POOL_H
#define SP_POOL_H

#include "spprof.h"

/* The smallest request that a pool for up to 512 bytes passes down, and the largest size to which debug layers may
 * increase it. */
#define SP_HANDOFF_MIN 513
#define SP_HANDOFF_MAX 609

/* Decide whether a pool's allocation of `size` <= 512 bytes, for which spprof_passes returned false, becomes a
 * sample. If this returns true, request SP_HANDOFF_MIN bytes from the pool, which passes the request to the lower
 * hook, and call sp_handoff_end afterwards. */
bool sp_handoff_begin(size_t size);
/* Return true if the lower hook completed the sample. False: the sample is lost, and the loss is counted. */
bool sp_handoff_end(void);

/* Debug layers put at most this many bytes before the block that the pool's caller sees. */
#define SP_ALREADY_COUNTED_REACH 64

/* Record that a pool's realloc of `old` was counted and decided. */
static inline void sp_already_counted_begin(const void *old) {
    spprof_this_thread.already_counted = (uintptr_t)old;
}

/* Return whether the lower hook's realloc of `old` to `size` is the recorded one. */
static inline bool sp_is_already_counted(const void *old, size_t size) {
    if (size > SP_HANDOFF_MAX) return false;
    uintptr_t counted = spprof_this_thread.already_counted;
    return __builtin_expect(counted - (uintptr_t)old <= SP_ALREADY_COUNTED_REACH, 0) && counted != 0;
}

/* Clear the mark: the lower hook that counts has seen the realloc. */
static inline void sp_already_counted_end(void) {
    spprof_this_thread.already_counted = 0;
}

#endif
