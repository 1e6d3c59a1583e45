/* Fewer samples that each represent more: nothing becomes biased, and the interval's sums account for it. */
#include "thinning.h"

#include "fake_hook.h"

#include <math.h>
#include <stdlib.h>

/* Reset to the state after the first start, with nothing live. */
static void forget_thinning(void) {
    sp_live_table_let_finer_in(&sp_the_profiler.live, 0);
    sp_the_profiler.counters.thinned_rate = 0;
}

/* ---- The mean of many runs ---- */

#define BLOCKS 600
#define RUNS 2000
#define SIGMAS 6 /* standard errors of the mean; exceeded once in 5·10⁸ */

typedef struct moments {
    double count, mean, squares; /* Welford's algorithm */
} moments;

static void add(moments *to, double value) {
    double before = value - to->mean;
    to->mean += before / ++to->count;
    to->squares += before * (value - to->mean);
}

static double variance_of(const moments *of) {
    return of->squares / (of->count - 1);
}

static size_t size_of(uintptr_t n) {
    static const size_t sizes[] = {16, 100, 100, 400, 1000, 5000, 40000};
    return sizes[n * 5 % 7];
}

static bool is_freed(uintptr_t n) {
    return n % 3 == 1;
}

/* Return the variance that the live samples add up to. */
static double estimated_variance(void) {
    static spprof_sample live[BLOCKS];
    size_t count = spprof_copy_live(live, BLOCKS);
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        double p = spprof_weigh(live[i].size, live[i].rate).probability, w = (double)live[i].size / p;
        sum += (1 - p) * w * w;
    }
    return sum;
}

typedef struct outcome {
    moments bytes, objects, variance, allocated;
    double true_bytes, true_objects, true_allocated;
} outcome;

static void run(uint32_t rate, uint64_t seed, outcome *to) {
    double allocated_before = 0;
    spprof_site site;
    to->true_bytes = to->true_objects = to->true_allocated = 0;
    if (spprof_site_get(1, &site)) allocated_before = (double)site.allocated.bytes;
    forget_thinning();
    assert_int_equal(spprof_start(rate, &seed), SPPROF_OK);
    for (uintptr_t n = 0; n < BLOCKS; n++) {
        allocate(n, size_of(n));
        to->true_allocated += (double)size_of(n);
        if (n >= 50 && is_freed(n - 50)) release(n - 50);
    }
    for (uintptr_t n = 0; n < BLOCKS; n++) {
        if (is_freed(n) && n + 50 < BLOCKS) continue;
        to->true_bytes += (double)size_of(n);
        to->true_objects++;
    }
    assert_true(spprof_site_get(1, &site));
    add(&to->bytes, (double)stats().live_bytes / SPPROF_BYTES_ONE);
    add(&to->objects, (double)stats().live_objects / SPPROF_OBJECTS_ONE);
    add(&to->allocated, ((double)site.allocated.bytes - allocated_before) / SPPROF_BYTES_ONE);
    add(&to->variance, estimated_variance());
    assert_true(stats().live_samples <= stats().live_samples_max);
    spprof_stop();
    for (uintptr_t n = 0; n < BLOCKS; n++) release(n);
    assert_live(0, 0);
}

static size_t walk_one(uint64_t *frames, size_t capacity, bool *depth_limited) {
    (void)capacity, (void)depth_limited;
    frames[0] = spprof_frame_interpreted(1, 0);
    return 1;
}

static void assert_unbiased(const moments *of, double truth) {
    double error = sqrt(variance_of(of) / of->count);
    if (fabs(of->mean - truth) > SIGMAS * error) fail_msg("%g ± %g, not %g", of->mean, error, truth);
}

static void assert_thinning_is_unbiased(uint32_t rate) {
    outcome all = {0};
    setenv("SPPROF_LIVE_SAMPLES_MAX", "60", 1);
    spprof_set_walker(walk_one);
    for (uint64_t seed = 1; seed <= RUNS; seed++) run(rate, seed, &all);
    assert_unbiased(&all.bytes, all.true_bytes);
    assert_unbiased(&all.objects, all.true_objects);
    assert_unbiased(&all.allocated, all.true_allocated);
    double variance = variance_of(&all.bytes);
    assert_true(fabs(all.variance.mean / variance - 1) < 0.25); /* 6 standard errors of a variance, and a margin */
    assert_true(stats().thinnings > RUNS);
    assert_dropped(SPPROF_DROP_REASON_COUNT, 0);
}

TEST(test_thinning_what_was_sampled_whole_is_unbiased) {
    assert_thinning_is_unbiased(0);
}

TEST(test_thinning_what_was_sampled_at_a_rate_is_unbiased) {
    assert_thinning_is_unbiased(200);
}

/* ---- One sample ---- */

TEST(test_a_sample_stays_with_the_quotient_of_the_probabilities) {
    const uint64_t seed = 3;
    const int count = 40000;
    int kept = 0;
    assert_int_equal(spprof_start(1, &seed), SPPROF_OK);
    for (int i = 0; i < count; i++) {
        spprof_sample sample = {.size = 300, .rate = 500};
        kept += sp_thinning_keeps(&sample, 2000);
        assert_int_equal(sample.rate, 2000);
    }
    double q = expm1(-300.0 / 2000) / expm1(-300.0 / 500);
    assert_true(fabs(kept - count * q) < 4 * sqrt(count * q * (1 - q)));
}

/* ---- Full, and empty again ---- */

TEST(test_samples_are_drawn_as_finely_as_before_once_the_table_is_nearly_empty) {
    setenv("SPPROF_LIVE_SAMPLES_MAX", "100", 1);
    start(0);
    for (uintptr_t n = 0; n < 3000; n++) allocate(n, 100);
    assert_true(stats().thinned_rate >= 100);
    assert_int_equal(stats().dropped[SPPROF_DROP_LIVE_TABLE_FULL], 0);
    for (uintptr_t n = 0; n < 3000; n++) release(n);
    allocate(1, 100);
    assert_int_equal(stats().thinned_rate, 0);
    assert_live(1, 100);
}

/* ---- Threads ---- */

#define THREADS 8
#define OWN 200

static void hammer(unsigned thread, void *unused) {
    (void)unused;
    uint64_t random = thread + 1;
    bool live[OWN] = {false};
    for (int step = 0; step < 20000; step++) {
        uintptr_t i = random_below(&random, OWN);
        if (live[i])
            release(thread * OWN + i);
        else
            allocate(thread * OWN + i, 1 + random_below(&random, 3000));
        live[i] = !live[i];
    }
}

/* About 800 blocks are live at any time. */
TEST(test_counters_samples_and_sites_agree_after_eight_threads_thinned) {
    static spprof_sample listed[300];
    setenv("SPPROF_LIVE_SAMPLES_MAX", "300", 1);
    spprof_set_walker(walk_one);
    start(0);
    run_threads(THREADS, hammer, NULL);
    spprof_stats now = stats();
    size_t count = spprof_copy_live(listed, 300);
    uint64_t bytes = 0, objects = 0, samples = 0, site_bytes = 0;
    for (size_t i = 0; i < count; i++) {
        spprof_weight weight = spprof_weigh(listed[i].size, listed[i].rate);
        bytes += weight.bytes, objects += weight.objects;
    }
    assert_int_equal(now.live_samples, count);
    assert_int_equal(now.live_bytes, bytes);
    assert_int_equal(now.live_objects, objects);
    for (uint64_t id = 1; id <= now.stacks; id++) {
        spprof_site site;
        assert_true(spprof_site_get(id, &site));
        samples += site.live.samples;
        site_bytes += site.live.bytes;
        assert_int_equal(sp_stack_table_get(&sp_the_profiler.stacks, id)->holders, site.live.samples);
    }
    assert_int_equal(samples, count);
    assert_int_equal(site_bytes, bytes);
    assert_true(now.thinned_samples > 0);
    assert_dropped(SPPROF_DROP_REASON_COUNT, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thinning_what_was_sampled_whole_is_unbiased),
        cmocka_unit_test(test_thinning_what_was_sampled_at_a_rate_is_unbiased),
        cmocka_unit_test(test_a_sample_stays_with_the_quotient_of_the_probabilities),
        cmocka_unit_test(test_samples_are_drawn_as_finely_as_before_once_the_table_is_nearly_empty),
        cmocka_unit_test(test_counters_samples_and_sites_agree_after_eight_threads_thinned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
