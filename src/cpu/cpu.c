/* cpu.c: the state of the CPU profiler. It is below all files that use it. */
#include "cpu.h"

#include "log.h"

sp_cpu sp_the_cpu = {.lifecycle = {.rank = SP_RANK_CPU_LIFECYCLE}, .finder = SP_TICK_NONE};

void sp_cpu_count_drop(spprof_cpu_drop_reason reason) {
    atomic_fetch_add_explicit(&sp_the_cpu.dropped[reason], 1, memory_order_relaxed);
}

void sp_cpu_count_sample(const spprof_cpu_sample *sample) {
    uint64_t estimated_ns = sample->thread_id & SP_LOG_ESTIMATED ? sample->weight_ns : 0;
    atomic_fetch_add_explicit(&sp_the_cpu.samples, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&sp_the_cpu.weight_ns, sample->weight_ns, memory_order_relaxed);
    if (estimated_ns > 0) atomic_fetch_add_explicit(&sp_the_cpu.estimated_ns, estimated_ns, memory_order_relaxed);
}
