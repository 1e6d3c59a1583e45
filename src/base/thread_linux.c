#include "thread.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

uint32_t sp_thread_kernel_id(void) {
    return (uint32_t)syscall(SYS_gettid);
}

/* Set by the loader: the stack pointer at the program's start. */
extern void *__libc_stack_end;

/* glibc keeps a thread's own data at the top of its stack, whoever provided that; the main thread's lies elsewhere. */
void sp_thread_stack_tops(uintptr_t tops[SP_THREAD_STACK_TOPS]) {
    tops[0] = (uintptr_t)__libc_stack_end;
    tops[1] = (uintptr_t)__builtin_thread_pointer();
}

void sp_thread_pause(void) {
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}
