#include "lock.h"

#include "check.h"
#include "futex.h"

#define SPINS 64 /* even the longest critical section is short; sleeping costs two system calls */

#ifdef SPPROF_DEBUG
static __thread uint32_t held;          /* held ranks below the shards': bit n = rank n */
static __thread uint32_t highest_shard; /* highest held rank among the shards' */
static __thread uint32_t depth;         /* how many shards are held */
static __thread bool holds_sums;

void sp_lock_note_acquired(const sp_lock *lock) {
    SP_ASSERT(!holds_sums);
    if (lock->rank == SP_RANK_STACK_SUMS) {
        holds_sums = true;
        return;
    }
    if (lock->rank < SP_RANK_LIVE_SHARD) {
        SP_ASSERT(depth == 0 && held < UINT32_C(1) << lock->rank);
        held |= UINT32_C(1) << lock->rank;
        return;
    }
    SP_ASSERT(lock->rank > highest_shard);
    depth++;
    highest_shard = lock->rank;
}

/* Shards may be released in any order: the recorded highest rank stays until all are released. */
void sp_lock_note_released(const sp_lock *lock) {
    if (lock->rank == SP_RANK_STACK_SUMS) {
        SP_ASSERT(holds_sums);
        holds_sums = false;
        return;
    }
    SP_ASSERT(lock->rank < SP_RANK_LIVE_SHARD ? (held >> lock->rank & 1) != 0 : depth > 0);
    if (lock->rank < SP_RANK_LIVE_SHARD)
        held &= ~(UINT32_C(1) << lock->rank);
    else if (--depth == 0)
        highest_shard = 0;
}
#endif

static bool spin(sp_lock *lock) {
    for (int i = 0; i < SPINS; i++)
        if (atomic_load_explicit(&lock->state, memory_order_relaxed) == 0 && sp_lock_take(lock)) return true;
    return false;
}

void sp_lock_wait(sp_lock *lock) {
    if (spin(lock)) return;
    while (atomic_exchange_explicit(&lock->state, 2, memory_order_acquire) != 0) sp_futex_wait(&lock->state, 2);
}

void sp_lock_wake(sp_lock *lock) {
    sp_futex_wake_one(&lock->state);
}

void sp_lock_reset_after_fork(sp_lock *lock) {
    atomic_store_explicit(&lock->state, 0, memory_order_relaxed);
#ifdef SPPROF_DEBUG
    held = highest_shard = depth = 0;
    holds_sums = false;
#endif
}
