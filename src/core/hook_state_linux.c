/* hook_state_linux.c: what every hook reads: the gate and the thread's state. */
#include "profiler.h"

__thread spprof_thread spprof_this_thread;
spprof_gate spprof_the_gate __attribute__((aligned(64))) = {.threshold = SPPROF_STOPPED, .filter = &sp_filter_empty};
extern spprof_gate spprof_own_gate __attribute__((alias("spprof_the_gate"), visibility("hidden")));
