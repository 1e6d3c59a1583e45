#include "clock.h"

#include "thread_clock_linux.h"

#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static uint64_t nanoseconds(struct timespec time) {
    return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

uint64_t sp_clock_monotonic_ns(void) {
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return nanoseconds(now);
}

bool sp_clock_cpu_ns_of(uint32_t thread_id, uint64_t *ns) {
    struct timespec now;
    int saved_errno = errno;
    bool there = syscall(SYS_clock_gettime, sp_thread_clock_id(thread_id), &now) == 0;
    errno = saved_errno;
    if (there) *ns = nanoseconds(now);
    return there;
}
