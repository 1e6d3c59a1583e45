#include "clock.h"

#include "thread_macos.h"

#include <errno.h>
#include <time.h>

/* As time.monotonic(): the time that the machine was awake. macOS's CLOCK_MONOTONIC also counts its sleep. */
uint64_t sp_clock_monotonic_ns(void) {
    return clock_gettime_nsec_np(CLOCK_UPTIME_RAW);
}

bool sp_clock_cpu_ns_of(uint32_t thread_id, uint64_t *ns) {
    struct proc_threadinfo info;
    int saved_errno = errno;
    bool there = sp_thread_ask_kernel(thread_id, &info);
    errno = saved_errno;
    if (there) *ns = info.pth_user_time + info.pth_system_time; /* nanoseconds, each a whole number of microseconds */
    return there;
}
