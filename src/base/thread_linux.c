#include "thread.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

uint32_t sp_thread_kernel_id(void) {
    return (uint32_t)syscall(SYS_gettid);
}

void sp_thread_pause(void) {
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}
