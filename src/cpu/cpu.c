/* cpu.c: the state of the CPU profiler, below all that uses it. */
#include "cpu.h"

sp_cpu sp_the_cpu = {.lifecycle = {.rank = SP_RANK_CPU_LIFECYCLE}, .finder = SP_TICK_NONE};

void sp_cpu_count_drop(spprof_cpu_drop_reason reason) {
    atomic_fetch_add_explicit(&sp_the_cpu.dropped[reason], 1, memory_order_relaxed);
}
