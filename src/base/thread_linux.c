#include "thread.h"

#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

uint32_t sp_thread_kernel_id(void) {
    return (uint32_t)syscall(SYS_gettid);
}

/* Set by the loader: the stack pointer when the program started. */
extern void *__libc_stack_end;

/* glibc keeps a thread's own data at the top of its stack, no matter who provided the stack; the main thread's data is
 * elsewhere. */
uintptr_t sp_thread_stack_top(void) {
    bool is_main = syscall(SYS_gettid) == getpid();
    return is_main ? (uintptr_t)__libc_stack_end : (uintptr_t)__builtin_thread_pointer();
}

void sp_thread_sleep(uint64_t ns) {
    int saved_errno = errno;
    syscall(SYS_nanosleep, &(struct timespec){.tv_nsec = (long)ns}, NULL); /* libc's function is a cancellation point */
    errno = saved_errno;
}
