#include "clock.h"

#include <errno.h>
#include <sys/resource.h>
#include <time.h>

static uint64_t read_clock(clockid_t clock) {
    struct timespec now = {0};
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
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
