/* state.c: the profiler, which all files of core share. It is below all files that use it, and calls nothing. What the
 * hooks read is in hook_state_linux.c and hook_state_macos.c.
 */
#include "profiler.h"

sp_profiler sp_the_profiler = {
    .lifecycle = {.rank = SP_RANK_LIFECYCLE}, .thinning = {.rank = SP_RANK_THINNING}, .native = true};
