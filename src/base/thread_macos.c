#include "thread.h"

#include "thread_macos.h"

#include <errno.h>
#include <libproc.h>
#include <mach/mach_time.h>
#include <pthread.h>
#include <unistd.h>

/* libSystem's name for the system call. A thread that has just begun has not yet stored its id where
 * pthread_threadid_np reads it, but may already get a signal. */
extern uint64_t __thread_selfid(void);

uint32_t sp_thread_kernel_id(void) {
    return (uint32_t)__thread_selfid();
}

/* The kernel counts threads since it started, so the ids of a process's threads differ by less than 2³¹. */
static uint64_t whole_id(uint32_t thread_id) {
    uint64_t own = __thread_selfid();
    return own + (uint64_t)(int64_t)(int32_t)(thread_id - (uint32_t)own);
}

bool sp_thread_ask_kernel(uint32_t thread_id, struct proc_threadinfo *info) {
    int bytes = proc_pidinfo(getpid(), PROC_PIDTHREADID64INFO, whole_id(thread_id), info, sizeof *info);
    return bytes == (int)sizeof *info;
}

uintptr_t sp_thread_stack_top(void) {
    return (uintptr_t)pthread_get_stackaddr_np(pthread_self()); /* takes a lock only for other threads */
}

/* A Mach trap, which neither is a cancellation point nor touches errno. */
void sp_thread_sleep(uint64_t ns) {
    mach_timebase_info_data_t base;
    if (mach_timebase_info(&base) == 0) mach_wait_until(mach_absolute_time() + ns * base.denom / base.numer);
}
