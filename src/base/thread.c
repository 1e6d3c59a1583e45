#include "thread.h"

#include "clock.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

uint32_t sp_process_id(void) {
    return (uint32_t)getpid();
}

_Static_assert(sizeof(pthread_t) <= sizeof(uint64_t), "a handle holds it");

bool sp_thread_start(sp_thread *thread, void *(*work)(void *)) {
    sigset_t all, before;
    pthread_t handle;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(&handle, NULL, work, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (started) thread->handle = (uint64_t)handle;
    return started;
}

void sp_thread_join(sp_thread *thread) {
    pthread_join((pthread_t)thread->handle, NULL);
}

void sp_thread_pause(void) {
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

#define REST_NS 50000

void sp_thread_rest(void) {
    static _Atomic uint64_t rested_ns; /* relaxed: one rest too many or too few does no harm */
    uint64_t now = sp_clock_monotonic_ns();
    if (now - atomic_load_explicit(&rested_ns, memory_order_relaxed) < SP_WORK_NS) return;
    sp_thread_sleep(REST_NS);
    atomic_store_explicit(&rested_ns, sp_clock_monotonic_ns(), memory_order_relaxed);
}
