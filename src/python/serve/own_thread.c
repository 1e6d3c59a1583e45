#include "own_thread.h"

#include "spprof.h"

#include <signal.h>
#include <stdint.h>
#include <time.h>

#define STACK_BYTES ((size_t)1 << 20)
#define NS_OF_SECOND 1000000000
/* How long the kernel may go on counting a thread that has ended. */
#define REAPING_NS (UINT64_C(100) * 1000 * 1000)
#define REAPING_STEP_NS 20000

static bool start(sp_own_thread *thread, void *(*run)(void *)) {
    pthread_attr_t attributes;
    sigset_t all, before;
    if (pthread_attr_init(&attributes) != 0) return false;
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(&thread->handle, &attributes, run, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return started;
}

bool sp_own_thread_start(sp_own_thread *thread, void *(*run)(void *)) {
    spprof_pause();
    bool started = start(thread, run);
    spprof_resume();
    return started;
}

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(SPPROF_CLOCK, &now);
    return (uint64_t)now.tv_sec * NS_OF_SECOND + (uint64_t)now.tv_nsec;
}

void sp_own_thread_join(sp_own_thread *thread) {
    uint64_t kernel_id = atomic_load(&thread->kernel_id);
    spprof_pause();
    pthread_join(thread->handle, NULL);
    spprof_resume();
    for (uint64_t begin = now_ns(); now_ns() - begin < REAPING_NS;) {
        if (!sp_own_thread_is_counted(kernel_id)) return;
        nanosleep(&(struct timespec){.tv_nsec = REAPING_STEP_NS}, NULL);
    }
}
