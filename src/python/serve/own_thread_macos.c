#include "own_thread.h"

#include <libproc.h>
#include <stddef.h>
#include <unistd.h>

#ifndef PROC_PIDTHREADID64INFO
#define PROC_PIDTHREADID64INFO 15 /* a thread by its number, as in pthread_threadid_np */
#endif

void sp_own_thread_enter(sp_own_thread *thread) {
    uint64_t id = 0;
    pthread_setname_np(SP_OWN_THREAD_NAME);
    pthread_threadid_np(NULL, &id);
    atomic_store(&thread->kernel_id, id);
}

/* A thread stays in the task's list, which CPython counts, until the kernel has reaped it. */
bool sp_own_thread_is_counted(uint64_t kernel_id) {
    struct proc_threadinfo thread;
    return proc_pidinfo(getpid(), PROC_PIDTHREADID64INFO, kernel_id, &thread, sizeof thread) > 0;
}
