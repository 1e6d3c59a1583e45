#include "clock.h"

#include "thread_clock_linux.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static uint64_t nanoseconds(struct timespec time) {
    return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

static uint64_t read_clock(clockid_t clock) {
    struct timespec now = {0};
    clock_gettime(clock, &now);
    return nanoseconds(now);
}

uint64_t sp_clock_monotonic_ns(void) {
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t sp_clock_thread_cpu_ns(void) {
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

bool sp_clock_tells_cpu(void) {
    struct timespec now;
    int saved_errno = errno;
    bool told = clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0;
    errno = saved_errno;
    return told;
}

/* While a timer runs on the process's CPU clock, the clock itself does not advance between the kernel's ticks. */
uint64_t sp_clock_process_cpu_ns(void) {
    struct rusage usage = {0};
    getrusage(RUSAGE_SELF, &usage);
    uint64_t seconds = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec);
    uint64_t microseconds = (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    return seconds * UINT64_C(1000000000) + microseconds * 1000;
}

uint64_t sp_clock_process_timers_ns(void) {
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

bool sp_clock_cpu_ns_of(uint32_t thread_id, uint64_t *ns) {
    struct timespec now;
    int saved_errno = errno;
    bool there = syscall(SYS_clock_gettime, sp_thread_clock_id(thread_id), &now) == 0;
    errno = saved_errno;
    if (there) *ns = nanoseconds(now);
    return there;
}
