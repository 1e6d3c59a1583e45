#include "lock.h"

#include "check.h"
#include "futex.h"
#include "held_ranks.h"

#define SPINS 64 /* even the longest critical section is short; sleeping costs two system calls */

#ifdef SPPROF_DEBUG
void sp_lock_note_acquired(const sp_lock *lock) {
    sp_held_ranks held = sp_held_ranks_get();
    SP_ASSERT(!held.holds_sums);
    if (lock->rank == SP_RANK_STACK_SUMS) {
        held.holds_sums = true;
    } else if (lock->rank < SP_RANK_LIVE_SHARD) {
        SP_ASSERT(held.depth == 0 && held.lower < UINT32_C(1) << lock->rank);
        held.lower |= UINT32_C(1) << lock->rank;
    } else {
        SP_ASSERT(lock->rank > held.highest_shard);
        held.depth++;
        held.highest_shard = (uint8_t)lock->rank;
    }
    sp_held_ranks_set(held);
}

/* Shards may be released in any order: the recorded highest rank stays until all are released. */
void sp_lock_note_released(const sp_lock *lock) {
    sp_held_ranks held = sp_held_ranks_get();
    if (lock->rank == SP_RANK_STACK_SUMS) {
        SP_ASSERT(held.holds_sums);
        held.holds_sums = false;
    } else if (lock->rank < SP_RANK_LIVE_SHARD) {
        SP_ASSERT((held.lower >> lock->rank & 1) != 0);
        held.lower &= ~(UINT32_C(1) << lock->rank);
    } else {
        SP_ASSERT(held.depth > 0);
        if (--held.depth == 0) held.highest_shard = 0;
    }
    sp_held_ranks_set(held);
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
    sp_held_ranks_set((sp_held_ranks){0});
#endif
}
