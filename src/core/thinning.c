#include "thinning.h"

/* ---- One sample ---- */

static bool wins(double probability) {
    return sp_sampler_uniform(&spprof_this_thread, sp_profiler_plan()) <= probability;
}

bool sp_thinning_keeps(spprof_sample *sample, uint32_t rate) {
    spprof_weight before = spprof_weigh(sample->size, sample->rate), after = spprof_weigh(sample->size, rate);
    sp_stack_record *stack = sp_stack_table_get(&sp_the_profiler.stacks, sample->stack_id);
    bool kept = wins(after.probability / before.probability);
    sp_counters_reweigh(before, kept ? &after : NULL);
    if (stack) sp_stack_sums_reweigh(&stack->sums, &before, kept ? &after : NULL);
    if (stack && !kept) sp_stack_release(stack);
    __atomic_store_n(&sample->rate, rate, __ATOMIC_RELAXED);
    return kept;
}

static bool thin(spprof_sample *sample, uint32_t rate, void *unused) {
    (void)unused;
    return sp_thinning_keeps(sample, rate);
}

/* ---- The rate ---- */

#define LOOKED_AT 16 /* maximum number of samples examined in each shard */

/* Return how many of the examined samples are expected to stay at this rate. *count receives how many were examined. */
static double expect_kept(uint32_t rate, size_t *count) {
    double kept = 0;
    *count = 0;
    for (unsigned shard = 0; shard < SP_SHARDS; shard++) {
        spprof_sample samples[LOOKED_AT];
        size_t copied = sp_live_table_copy_shard(&sp_the_profiler.live, shard, samples, LOOKED_AT);
        for (size_t i = 0; i < copied; i++) {
            bool finer = samples[i].rate < rate;
            double before = spprof_weigh(samples[i].size, samples[i].rate).probability;
            kept += finer ? spprof_weigh(samples[i].size, rate).probability / before : 1;
        }
        *count += copied;
    }
    return kept;
}

static uint32_t larger(uint32_t one, uint32_t other) {
    return one > other ? one : other;
}

/* Return the next doubling of the rate at which a quarter of the samples leave; 0 if there is none. This rate
 * depends on what was sampled, and so does the time of the thinning. Which samples stay depends on nothing else, so
 * no estimate is biased. */
static uint32_t next_rate(void) {
    uint32_t before = atomic_load(&sp_the_profiler.counters.thinned_rate);
    uint32_t rate = larger(larger(2 * before, sp_profiler_plan().rate), 1);
    size_t count;
    while (rate <= SP_THINNED_RATE_MAX / 2 && 4 * expect_kept(rate, &count) > 3 * (double)count) rate *= 2;
    return 4 * expect_kept(rate, &count) > 3.9 * (double)count ? 0 : rate;
}

/* ---- The table ---- */

static bool is_full(void) {
    return sp_live_table_count(&sp_the_profiler.live) >= sp_the_profiler.live.max;
}

/* Other threads may fill the table again immediately: the caller's next try handles that. */
static bool thin_table_locked(void) {
    while (is_full()) {
        uint32_t rate = next_rate();
        if (rate == 0) return false;
        atomic_store(&sp_the_profiler.counters.thinned_rate, rate);
        atomic_fetch_add(&sp_the_profiler.counters.thinnings, 1);
        sp_live_table_thin(&sp_the_profiler.live, rate, thin, NULL);
    }
    return true;
}

bool sp_thinning_make_room(void) {
    sp_lock_acquire(&sp_the_profiler.thinning);
    bool has_room = thin_table_locked();
    sp_lock_release(&sp_the_profiler.thinning);
    return has_room;
}

static bool is_nearly_empty(void) {
    return sp_live_table_count(&sp_the_profiler.live) < sp_the_profiler.live.max / 4;
}

static bool relax_locked(void) {
    uint32_t rate = atomic_load(&sp_the_profiler.counters.thinned_rate);
    if (rate == 0 || !is_nearly_empty()) return false;
    atomic_store(&sp_the_profiler.counters.thinned_rate, rate / 2);
    sp_live_table_let_finer_in(&sp_the_profiler.live, rate / 2);
    return true;
}

bool sp_thinning_relax(void) {
    if (!is_nearly_empty()) return false;
    sp_lock_acquire(&sp_the_profiler.thinning);
    bool relaxed = relax_locked();
    sp_lock_release(&sp_the_profiler.thinning);
    return relaxed;
}
