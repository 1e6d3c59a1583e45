/* aside.h: for the profiler's own calls to libraries that free as much as they allocate.
 *
 *   countdown:  gate ─┼─ bytes until the next sample … ─────────────────────────┤ INT64_MAX
 *                                                       set aside: up here, no allocation gets down to the gate
 *
 * spprof_pause also keeps a thread's allocations from being sampled, but its frees then go only to a short list. Here
 * they are followed as usual. Code that loads objects (dlopen) must pause instead: loading makes the countdown due.
 *
 * Threads: affects the calling thread only. Calls nest.
 */
#ifndef SP_ASIDE_H
#define SP_ASIDE_H

#include "spprof.h"

/* Return the value to pass to sp_aside_end. */
static inline int64_t sp_aside_begin(void) {
    int64_t countdown = spprof_this_thread.countdown;
    spprof_this_thread.countdown = INT64_MAX;
    return countdown;
}

static inline void sp_aside_end(int64_t countdown) {
    spprof_this_thread.countdown = countdown;
}

#endif
