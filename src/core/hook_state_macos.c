/* hook_state_macos.c: what every hook reads: the gate and the thread's state. */
#include "profiler.h"
#include "thread_blocks.h"
#include "thread_macos.h"

spprof_gate spprof_the_gate __attribute__((aligned(128))) = {.threshold = SPPROF_STOPPED, .filter = &sp_filter_empty};

_Static_assert(sizeof(spprof_thread) <= SP_THREAD_BLOCK_BYTES, "a thread's block holds it");

/* Threads change this guard by steps of one, at the same time and without atomic operations, and some steps are lost.
 * It is therefore set again whenever a thread asks; in between, it cannot reach 0. */
#define GUARD_OF_SHARED 128

static __attribute__((noinline)) spprof_thread *find_shared(void) {
    static spprof_thread shared;
    __atomic_store_n(&shared.guard, GUARD_OF_SHARED, __ATOMIC_RELAXED);
    return &shared;
}

spprof_thread *spprof_find_this_thread(void) {
    spprof_thread *own = sp_thread_block_of_self();
    return __builtin_expect(own != NULL, 1) ? own : find_shared();
}
