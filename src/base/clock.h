/* clock.h: clocks, in nanoseconds. Threads, signals: any. */
#ifndef SP_CLOCK_H
#define SP_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Return the time since an arbitrary point; it never decreases. The same as Python's time.monotonic(). */
uint64_t sp_clock_monotonic_ns(void);

/* Return the CPU time of the calling thread, or of the whole process, including threads that have ended (to the
 * microsecond). */
uint64_t sp_clock_thread_cpu_ns(void);
/* Return false if a sandbox prevents the kernel from reporting CPU time. */
bool sp_clock_tells_cpu(void);
uint64_t sp_clock_process_cpu_ns(void);
/* Return the process's CPU time as its timers see it: up to the kernel's last tick, as long as there are any timers.
 * Does not visit each thread. (On macOS, which has no such timers: the process's CPU time.) */
uint64_t sp_clock_process_timers_ns(void);

/* Get the CPU time of a thread of this process. Return false if no thread has that id. errno is preserved. On macOS,
 * the time is up to two microseconds behind sp_clock_thread_cpu_ns(), and the cost grows with the number of threads. */
bool sp_clock_cpu_ns_of(uint32_t thread_id, uint64_t *ns);

#endif
