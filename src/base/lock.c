#include "lock.h"

#include "check.h"
#include "futex.h"

#define SPINS 64 /* the longest critical section is short; sleeping costs two system calls */

#ifdef SPPROF_DEBUG
static __thread uint32_t highest_rank;
static __thread uint32_t depth;

static void note_acquired(const sp_lock *lock) {
    SP_ASSERT(lock->rank > highest_rank);
    depth++;
    highest_rank = lock->rank;
}

/* Locks may be released in any order: the highest rank ever held stands until all are. */
static void note_released(void) {
    SP_ASSERT(depth > 0);
    if (--depth == 0) highest_rank = 0;
}
#else
static void note_acquired(const sp_lock *lock) {
    (void)lock;
}
static void note_released(void) {
}
#endif

static int spin(sp_lock *lock) {
    for (int i = 0; i < SPINS; i++) {
        uint32_t expected = 0;
        if (atomic_load_explicit(&lock->state, memory_order_relaxed) == 0 &&
            atomic_compare_exchange_weak_explicit(&lock->state, &expected, 1, memory_order_acquire,
                                                  memory_order_relaxed))
            return 1;
    }
    return 0;
}

void sp_lock_acquire(sp_lock *lock) {
    if (!spin(lock)) {
        while (atomic_exchange_explicit(&lock->state, 2, memory_order_acquire) != 0) sp_futex_wait(&lock->state, 2);
    }
    note_acquired(lock);
}

void sp_lock_release(sp_lock *lock) {
    note_released();
    if (atomic_exchange_explicit(&lock->state, 0, memory_order_release) == 2) sp_futex_wake_one(&lock->state);
}

void sp_lock_reset_after_fork(sp_lock *lock) {
    atomic_store_explicit(&lock->state, 0, memory_order_relaxed);
#ifdef SPPROF_DEBUG
    depth = 0;
    highest_rank = 0;
#endif
}
