#include "budget.h"
#include "memory.h"
#include "profiler.h"

static sp_counters *const counters = &sp_the_profiler.counters;

void spprof_count_drop(spprof_drop_reason reason) {
    atomic_fetch_add_explicit(&counters->dropped[reason], 1, memory_order_relaxed);
}

void sp_counters_add_live(spprof_weight weight) {
    atomic_fetch_add(&counters->total_samples, 1);
    atomic_fetch_add(&counters->live_bytes, weight.bytes);
    atomic_fetch_add(&counters->live_objects, weight.objects);
}

void sp_counters_take_back(spprof_weight weight) {
    atomic_fetch_sub(&counters->live_objects, weight.objects);
    atomic_fetch_sub(&counters->live_bytes, weight.bytes);
    atomic_fetch_sub(&counters->total_samples, 1);
}

void sp_counters_reach_peak(void) {
    sp_peaks_reach(atomic_load(&counters->live_bytes));
}

void spprof_reset_peak(void) {
    sp_peak_reset(SPPROF_PEAK_OF_WINDOW, atomic_load(&counters->live_bytes));
}

void sp_counters_add_stack(int sign) {
    atomic_fetch_add(&counters->sampled_stacks, (uint64_t)(int64_t)sign);
}

void sp_counters_add_freed(const spprof_sample *sample) {
    spprof_weight weight = spprof_weigh(sample->size, sample->rate);
    atomic_fetch_sub(&counters->live_objects, weight.objects);
    atomic_fetch_sub(&counters->live_bytes, weight.bytes);
    atomic_fetch_add(&counters->freed_samples, 1);
    sp_stack_record *stack = sp_stack_table_get(&sp_the_profiler.stacks, sample->stack_id);
    if (!stack) return;
    sp_stack_sums_free(&stack->sums, &weight);
    sp_stack_release(stack);
}

void sp_counters_reweigh(spprof_weight before, const spprof_weight *after) {
    atomic_fetch_add(&counters->live_objects, (after ? after->objects : 0) - before.objects);
    atomic_fetch_add(&counters->live_bytes, (after ? after->bytes : 0) - before.bytes);
    if (after) return;
    atomic_fetch_add(&counters->thinned_samples, 1);
    atomic_fetch_add(&counters->freed_samples, 1);
}

void sp_counters_add_lost(spprof_weight weight) {
    atomic_fetch_add_explicit(&counters->lost_bytes, weight.bytes, memory_order_relaxed);
}

static void recount(void) {
    size_t live = sp_live_table_count(&sp_the_profiler.live);
    if (live == atomic_load(&counters->total_samples) - atomic_load(&counters->freed_samples)) return;
    uint64_t bytes = 0, objects = 0;
    size_t size = live * sizeof(spprof_sample);
    spprof_sample *samples = size ? sp_memory_map(size) : NULL;
    if (size && !samples) return;
    if (samples) sp_live_table_copy(&sp_the_profiler.live, samples, live);
    for (size_t i = 0; i < live; i++) {
        spprof_weight weight = spprof_weigh(samples[i].size, samples[i].rate);
        bytes += weight.bytes;
        objects += weight.objects;
    }
    if (samples) sp_memory_unmap(samples, size);
    atomic_store(&counters->live_bytes, bytes);
    atomic_store(&counters->live_objects, objects);
    if (atomic_load(&counters->total_samples) < live) atomic_store(&counters->total_samples, live);
    atomic_store(&counters->freed_samples, atomic_load(&counters->total_samples) - live);
}

/* The parent's other threads have never existed here, so the child's heap has never been larger than it is now. */
void sp_counters_repair_after_fork(void) {
    recount();
    for (unsigned window = 0; window < SPPROF_PEAKS; window++)
        sp_peak_reset(window, atomic_load(&counters->live_bytes));
}

static void read_stacks(spprof_stats *stats) {
    sp_stack_table *stacks = &sp_the_profiler.stacks;
    sp_stack_sums folded = sp_stack_sums_read(&stacks->folded.record.sums), full = sp_stack_table_sum_full(stacks);
    stats->stacks = atomic_load(&stacks->index.count);
    stats->stacks_max = stacks->index.max;
    stats->evicted_stacks = atomic_load(&stacks->eviction.evicted);
    stats->folded_samples = folded.allocated.samples;
    stats->folded_bytes = folded.allocated.bytes;
    stats->unkept_samples = full.allocated.samples;
    stats->unkept_live_samples = full.live.samples;
    stats->marked_codes = atomic_load(&counters->marked_codes);
}

/* Read freed before total: anything freed in between was counted in total before, so live is never negative. */
void spprof_get_stats(spprof_stats *stats) {
    *stats = (spprof_stats){0};
    stats->freed_samples = atomic_load(&counters->freed_samples);
    stats->total_samples = atomic_load(&counters->total_samples);
    stats->live_samples = stats->total_samples - stats->freed_samples;
    stats->live_bytes = atomic_load(&counters->live_bytes);
    stats->live_objects = atomic_load(&counters->live_objects);
    stats->peak_bytes = atomic_load(&sp_the_peaks[SPPROF_PEAK_OF_PROCESS].bytes);
    stats->window_peak_bytes = atomic_load(&sp_the_peaks[SPPROF_PEAK_OF_WINDOW].bytes);
    stats->missed_frees = atomic_load(&counters->missed_frees);
    stats->last_serial = atomic_load(&counters->last_serial);
    stats->forked_serial = atomic_load(&sp_the_profiler.forked_serial);
    stats->birth = sp_the_profiler.stacks.birth;
    for (int i = 0; i < SPPROF_DROP_REASON_COUNT; i++) stats->dropped[i] = atomic_load(&counters->dropped[i]);
    stats->unique_stacks = atomic_load(&counters->sampled_stacks);
    sp_guard_enter(&spprof_this_thread);
    read_stacks(stats);
    sp_guard_leave(&spprof_this_thread);
    stats->live_samples_max = sp_the_profiler.live.max;
    stats->thinned_rate = atomic_load(&counters->thinned_rate);
    stats->thinnings = atomic_load(&counters->thinnings);
    stats->thinned_samples = atomic_load(&counters->thinned_samples);
    stats->lost_bytes = atomic_load(&counters->lost_bytes);
    stats->mapped_bytes = sp_memory_mapped();
    sp_plan plan = sp_profiler_plan();
    stats->rate = plan.rate;
    stats->longest_rate = atomic_load(&counters->longest_rate);
    stats->budget_ppm = sp_budget_share();
    stats->spent_ns = sp_budget_spent_ns();
    stats->epochs = plan.epoch;
}
