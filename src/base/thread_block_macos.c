/* thread_block_macos.c: each thread's block, which libpthread keeps in the thread's own structure.
 *
 *   pthread_getspecific: one load ──┬─ a block
 *                                   ├─ NULL: the first use ──► a block from the pool, or REFUSED
 *                                   └─ REFUSED: there was no memory
 *
 * A thread that was refused once stays so: if it got a block in the middle of a call of the engine, it would leave a
 * guard that it has not entered. libpthread neither allocates nor waits when it reads or writes a thread's word, and
 * it disables the thread's signals before it calls destructors.
 */
#include "fork.h"
#include "thread_blocks.h"
#include "thread_macos.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>

#define REFUSED ((void *)1)

static sp_thread_blocks pool;
static _Atomic pthread_key_t key; /* 0: not created; libpthread's own keys are the lowest */
enum { UNTRIED, AT_WORK, DONE };
static _Atomic int creation;

/* What the thread still does afterwards gets a new block, which the next round of destructors returns. */
static void give_back(void *held) {
    if (held != REFUSED) sp_thread_blocks_give(&pool, held);
}

static void keep_own_in_child(void) {
    void *held = pthread_getspecific(atomic_load(&key));
    sp_thread_blocks_keep_only(&pool, held == REFUSED ? NULL : held);
}

/* The constructor is the first to call this, while there are no other users. */
static void create_key(void) {
    pthread_key_t created;
    int untried = UNTRIED;
    if (atomic_compare_exchange_strong(&creation, &untried, AT_WORK)) {
        if (pthread_key_create(&created, give_back) == 0) {
            sp_fork_call(NULL, NULL, keep_own_in_child);
            atomic_store(&key, created);
        }
        atomic_store(&creation, DONE);
    }
    while (atomic_load(&creation) == AT_WORK) sched_yield();
}

/* A signal handler may have been first, after the caller looked. */
static void *take_block(pthread_key_t created) {
    void *block = sp_thread_blocks_take(&pool), *held = pthread_getspecific(created);
    if (!held) {
        held = block ? block : REFUSED;
        pthread_setspecific(created, held);
    } else if (block) {
        sp_thread_blocks_give(&pool, block);
    }
    return held == REFUSED ? NULL : held;
}

static __attribute__((noinline)) void *find_first_time(void) {
    int saved_errno = errno;
    create_key();
    pthread_key_t created = atomic_load(&key);
    void *block = created != 0 ? take_block(created) : NULL;
    errno = saved_errno;
    return block;
}

void *sp_thread_block_of_self(void) {
    pthread_key_t created = atomic_load_explicit(&key, memory_order_relaxed);
    void *held = created != 0 ? pthread_getspecific(created) : NULL;
    if (__builtin_expect(held == NULL, 0)) return find_first_time();
    return __builtin_expect(held == REFUSED, 0) ? NULL : held;
}

__attribute__((constructor)) static void create_early(void) {
    create_key();
}
