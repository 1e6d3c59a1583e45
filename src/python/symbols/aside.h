/* aside.h: allocations of the profiler's own, by libraries that free as much as they allocate.
 *
 *   countdown:  gate ─┼─ bytes until the next sample … ─────────────────────────┤ INT64_MAX
 *                                                       set aside: up here, no allocation comes down to the gate
 *
 * spprof_pause keeps a thread's allocations from being sampled too, but frees meanwhile only go to a short list. Here
 * they are followed as ever. Whatever loads objects (dlopen) pauses instead: loading makes the countdown due.
 *
 * Threads: one's own. Calls nest.
 */
#ifndef SP_ASIDE_H
#define SP_ASIDE_H

#include "spprof.h"

/* Returns what to hand to sp_aside_end. */
static inline int64_t sp_aside_begin(void) {
    int64_t countdown = spprof_this_thread.countdown;
    spprof_this_thread.countdown = INT64_MAX;
    return countdown;
}

static inline void sp_aside_end(int64_t countdown) {
    spprof_this_thread.countdown = countdown;
}

#endif
