/* clocks.c: Apple's clocks, on Linux. */
#include "clocks.h"

#include "apple.h"

#include <time.h>

static uint64_t read_ns(clockid_t clock) {
    struct timespec now = {0};
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* A tick is 125/3 ns, as on Apple's own processors, so that a mistaken unit shows. */
uint64_t clocks_ticks_of(uint64_t ns) {
    return (uint64_t)((unsigned __int128)ns * 3 / 125);
}

int mac_mach_wait_until(uint64_t ticks) {
    uint64_t ns = (uint64_t)((unsigned __int128)ticks * 125 / 3);
    struct timespec until = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
    int error = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    return error ? APPLE_KERN_ABORTED : APPLE_KERN_SUCCESS;
}

typedef struct timebase {
    uint32_t numerator, denominator;
} timebase;

int mac_mach_timebase_info(timebase *out) {
    *out = (timebase){125, 3};
    return APPLE_KERN_SUCCESS;
}

uint64_t mac_mach_absolute_time(void) {
    return clocks_ticks_of(read_ns(CLOCK_MONOTONIC));
}

uint64_t mac_mach_approximate_time(void) {
    return mac_mach_absolute_time();
}

uint64_t mac_mach_continuous_time(void) {
    return clocks_ticks_of(read_ns(CLOCK_BOOTTIME));
}

/* Return -1 for a number that is none of Apple's clocks. */
static clockid_t clock_of(int apples) {
    switch (apples) {
    case APPLE_CLOCK_REALTIME:
        return CLOCK_REALTIME;
    case APPLE_CLOCK_MONOTONIC:
    case APPLE_CLOCK_MONOTONIC_RAW:
    case APPLE_CLOCK_MONOTONIC_RAW_APPROX:
        return CLOCK_BOOTTIME;
    case APPLE_CLOCK_UPTIME_RAW:
    case APPLE_CLOCK_UPTIME_RAW_APPROX:
        return CLOCK_MONOTONIC;
    case APPLE_CLOCK_PROCESS_CPUTIME:
        return CLOCK_PROCESS_CPUTIME_ID;
    case APPLE_CLOCK_THREAD_CPUTIME:
        return CLOCK_THREAD_CPUTIME_ID;
    default:
        return -1;
    }
}

uint64_t mac_clock_gettime_nsec_np(int clock) {
    return clock_of(clock) == -1 ? 0 : read_ns(clock_of(clock));
}

int mac_clock_gettime(int clock, struct timespec *out) {
    return clock_gettime(clock_of(clock), out);
}

int mac_clock_getres(int clock, struct timespec *out) {
    return clock_getres(clock_of(clock), out);
}

/* The kernel's encoding of another thread's CPU clock. */
uint64_t clocks_thread_ns(int thread_id) {
    return read_ns((clockid_t)(~(uint32_t)thread_id << 3 | 6));
}

uint64_t clocks_process_ns(void) {
    return read_ns(CLOCK_PROCESS_CPUTIME_ID);
}
