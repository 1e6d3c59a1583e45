/* state.c: the state that all files of the engine share: the gate, the thread's state and the profiler. It is below all
 * files that use it, and calls nothing.
 */
#include "profiler.h"

sp_profiler sp_the_profiler = {
    .lifecycle = {.rank = SP_RANK_LIFECYCLE}, .thinning = {.rank = SP_RANK_THINNING}, .native = true};
__thread spprof_thread spprof_this_thread;
spprof_gate spprof_the_gate __attribute__((aligned(64))) = {.threshold = SPPROF_STOPPED, .filter = &sp_filter_empty};
extern spprof_gate spprof_own_gate __attribute__((alias("spprof_the_gate"), visibility("hidden")));
