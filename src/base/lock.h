/* lock.h: a mutex of one word that a forked child can reset.
 *
 * A thread takes locks only in order of increasing rank; debug builds check this.
 *
 * Memory:  four bytes and a rank; never allocates.
 * Threads: any. Not recursive: the engine's per-thread guard prevents re-entry.
 * Signals: a handler may only try a lock, since it may have interrupted the holder.
 */
#ifndef SP_LOCK_H
#define SP_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum sp_lock_rank {
    SP_RANK_CPU_LIFECYCLE = 1,
    SP_RANK_LIFECYCLE = 2,   /* may be taken while holding the previous one */
    SP_RANK_SENDING = 3,     /* on macOS: held while a tick is sent */
    SP_RANK_THINNING = 8,    /* taken before the shards' locks: thinning visits the shards one by one */
    SP_RANK_LIVE_SHARD = 16, /* plus the shard's number, so that all of them can be taken in order */
    SP_RANK_MAPPINGS = 254,  /* never taken while holding a shard's lock; no lock is taken while holding it */
    SP_RANK_STACK_SUMS = 255 /* may be taken while holding any of the above, one at a time */
};

typedef struct sp_lock {
    _Atomic uint32_t state; /* 0 free, 1 held, 2 held and a thread is waiting */
    uint32_t rank;
} sp_lock;

#ifdef SPPROF_DEBUG
void sp_lock_note_acquired(const sp_lock *lock);
void sp_lock_note_released(const sp_lock *lock);
#else
static inline void sp_lock_note_acquired(const sp_lock *lock) {
    (void)lock;
}
static inline void sp_lock_note_released(const sp_lock *lock) {
    (void)lock;
}
#endif

/* Wait for a lock that is held; wake a thread that is waiting for it. */
void sp_lock_wait(sp_lock *lock);
void sp_lock_wake(sp_lock *lock);

static inline bool sp_lock_take(sp_lock *lock) {
    uint32_t free = 0;
    return atomic_compare_exchange_strong_explicit(&lock->state, &free, 1, memory_order_acquire, memory_order_relaxed);
}

static inline void sp_lock_acquire(sp_lock *lock) {
    if (!sp_lock_take(lock)) sp_lock_wait(lock);
    sp_lock_note_acquired(lock);
}

/* Return false if the lock is held. Safe in a handler, which may have interrupted the holder. */
static inline bool sp_lock_try(sp_lock *lock) {
    bool taken = sp_lock_take(lock);
    if (taken) sp_lock_note_acquired(lock);
    return taken;
}

static inline void sp_lock_release(sp_lock *lock) {
    sp_lock_note_released(lock);
    if (atomic_exchange_explicit(&lock->state, 0, memory_order_release) == 2) sp_lock_wake(lock);
}

/* Free the lock in a forked child, whose only thread holds no lock: the holder does not exist there. */
void sp_lock_reset_after_fork(sp_lock *lock);

#endif
