/* clock.h: nanoseconds. Threads, signals: any. */
#ifndef SP_CLOCK_H
#define SP_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Since an arbitrary point, never going back. */
uint64_t sp_clock_monotonic_ns(void);

/* CPU time of the calling thread, and of the whole process with the threads that have ended: that in microseconds. */
uint64_t sp_clock_thread_cpu_ns(void);
/* False: a sandbox keeps the kernel from telling. */
bool sp_clock_tells_cpu(void);
uint64_t sp_clock_process_cpu_ns(void);
/* The same as timers on it see it: up to the kernel's last tick, while there are any. Does not look at each thread. */
uint64_t sp_clock_process_timers_ns(void);

/* CPU time of a thread of this process. False: there is none of that id. Leaves errno alone. */
bool sp_clock_cpu_ns_of(uint32_t thread_id, uint64_t *ns);

#endif
