/* wall_clock.h: converts the clock of samples to wall-clock time. */
#ifndef SP_WALL_CLOCK_H
#define SP_WALL_CLOCK_H

#include "spprof/clock.h"

#include <stdint.h>
#include <time.h>

/* Return the number to add to the monotonic clock to get the wall clock, in nanoseconds since the epoch. */
static inline int64_t sp_wall_clock_offset_ns(void) {
    struct timespec wall, monotonic;
    clock_gettime(CLOCK_REALTIME, &wall);
    clock_gettime(SPPROF_CLOCK, &monotonic);
    return (int64_t)(wall.tv_sec - monotonic.tv_sec) * 1000000000 + (wall.tv_nsec - monotonic.tv_nsec);
}

#endif
