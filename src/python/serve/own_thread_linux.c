#include "own_thread.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

void sp_own_thread_enter(sp_own_thread *thread) {
    prctl(PR_SET_NAME, SP_OWN_THREAD_NAME, 0, 0, 0);
    atomic_store(&thread->kernel_id, (uint64_t)syscall(SYS_gettid));
}

bool sp_own_thread_is_counted(uint64_t kernel_id) {
    return syscall(SYS_tgkill, getpid(), (pid_t)kernel_id, 0) == 0 || errno != ESRCH;
}
