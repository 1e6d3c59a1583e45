/* clock.h: nanoseconds. Threads, signals: any. */
#ifndef SP_CLOCK_H
#define SP_CLOCK_H

#include <stdint.h>

/* Since an arbitrary point, never going back. */
uint64_t sp_clock_monotonic_ns(void);

#endif
