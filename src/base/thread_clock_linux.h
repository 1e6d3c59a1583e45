/* thread_clock_linux.h: how the kernel identifies a thread's CPU clock. The clock id is the complement of the thread's
 * id, above three bits that mean "of a thread" and "the time it was scheduled".
 */
#ifndef SP_THREAD_CLOCK_LINUX_H
#define SP_THREAD_CLOCK_LINUX_H

#include <stdint.h>
#include <time.h>

#define SP_CLOCK_OF_THREAD 4
#define SP_CLOCK_SCHEDULED 2

static inline clockid_t sp_thread_clock_id(uint32_t thread_id) {
    return (clockid_t)(~thread_id << 3 | SP_CLOCK_OF_THREAD | SP_CLOCK_SCHEDULED);
}

#endif
