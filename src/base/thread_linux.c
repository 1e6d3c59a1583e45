#include "thread.h"

#include <stdbool.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

uint32_t sp_thread_kernel_id(void) {
    return (uint32_t)syscall(SYS_gettid);
}

/* Set by the loader: the stack pointer at the program's start. */
extern void *__libc_stack_end;

/* glibc keeps a thread's own data at the top of its stack, whoever provided that; the main thread's lies elsewhere. */
uintptr_t sp_thread_stack_top(void) {
    bool is_main = syscall(SYS_gettid) == getpid();
    return is_main ? (uintptr_t)__libc_stack_end : (uintptr_t)__builtin_thread_pointer();
}

void sp_thread_pause(void) {
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}
