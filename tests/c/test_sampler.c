#include "sampler.h"

#include "support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static uint32_t rate_of_sample;

/* Count `size` down like a hook. Return true for a sample, which has the rate `rate_of_sample`. */
static bool allocate(spprof_thread *thread, sp_plan plan, size_t size) {
    thread->countdown = (int64_t)((uint64_t)thread->countdown - size);
    if (thread->countdown >= sp_plan_gate(plan) || !sp_sampler_decide(thread, plan, size)) return false;
    rate_of_sample = thread->drawn_rate;
    sp_sampler_redraw(thread, plan);
    return true;
}

static sp_plan seeded_plan(uint32_t rate, uint32_t epoch) {
    return (sp_plan){.rate = rate, .epoch = epoch, .active = true, .seeded = true};
}

/* ---- The plan ---- */

TEST(test_a_plan_survives_packing_at_its_extremes) {
    static const uint32_t rates[] = {0, 1, 524288, SPPROF_RATE_MAX - 1, SPPROF_RATE_MAX};
    static const uint32_t epochs[] = {0, 1, 2, SP_EPOCHS_MAX - 1, SP_EPOCHS_MAX};
    for (int i = 0; i < 5 * 5 * 4; i++) {
        sp_plan plan = {.rate = rates[i % 5], .epoch = epochs[i / 5 % 5], .active = i / 25 % 2, .seeded = i / 50};
        sp_plan unpacked = sp_plan_unpack(sp_plan_pack(plan));
        assert_int_equal(unpacked.rate, plan.rate);
        assert_int_equal(unpacked.epoch, plan.epoch);
        assert_int_equal(unpacked.active, plan.active);
        assert_int_equal(unpacked.seeded, plan.seeded);
    }
}

TEST(test_no_plan_is_the_stopped_one) {
    sp_plan none = sp_plan_unpack(0);
    assert_false(none.active);
    assert_int_equal(none.epoch, 0);
}

/* A draw is at most 37 times the interval (53 random bits), which is less than the distance between two gates. */
TEST(test_gates_rise_by_more_than_any_draw_and_stay_positive) {
    for (uint32_t epoch = 1; epoch < SP_EPOCHS_MAX; epoch *= 2) {
        int64_t gate = sp_plan_gate(seeded_plan(SPPROF_RATE_MAX, epoch));
        int64_t next = sp_plan_gate(seeded_plan(SPPROF_RATE_MAX, epoch + 1));
        assert_true(gate > 0 && (double)(next - gate) > 37.0 * SPPROF_RATE_MAX);
    }
    assert_true(sp_plan_gate(seeded_plan(0, SP_EPOCHS_MAX)) <= INT64_C(1) << 62);
    assert_true(SP_COUNTDOWN_DUE < sp_plan_gate(seeded_plan(0, 1)));
}

TEST(test_a_draw_lies_between_its_gate_and_the_next) {
    for (uint64_t power = 1; power <= SPPROF_RATE_MAX; power *= 4) {
        uint32_t rate = (uint32_t)power;
        sp_plan plan = seeded_plan(rate, 3), next = seeded_plan(rate, 4);
        spprof_thread thread = {0};
        sp_sampler_seed(rate);
        for (int i = 0; i < 100000; i++) {
            sp_sampler_redraw(&thread, plan);
            assert_true(thread.countdown >= sp_plan_gate(plan) && thread.countdown < sp_plan_gate(next));
        }
    }
}

/* ---- Which allocations are sampled ---- */

TEST(test_rate_zero_samples_every_allocation) {
    sp_plan plan = seeded_plan(0, 1);
    spprof_thread thread = {0};
    static const size_t sizes[] = {0, 1, 16, 4096, 1 << 30, PTRDIFF_MAX};
    for (int i = 0; i < 6000; i++) assert_true(allocate(&thread, plan, sizes[i % 6]));
}

TEST(test_nothing_of_size_zero_is_sampled_at_a_rate) {
    sp_plan plan = seeded_plan(1, 1);
    spprof_thread thread = {0};
    for (int i = 0; i < 10000; i++) assert_false(allocate(&thread, plan, 0));
}

TEST(test_what_is_far_larger_than_the_rate_is_always_sampled) {
    sp_plan plan = seeded_plan(1000, 1);
    spprof_thread thread = {0};
    for (int i = 0; i < 10000; i++) assert_true(allocate(&thread, plan, 38 * 1000));
}

/* A new thread starts 38 intervals below the first gate and draws first, so its first allocation has the same chance
 * as later ones. */
TEST(test_the_first_allocation_of_a_thread_is_decided_on_its_own) {
    sp_plan plan = seeded_plan(1000, 1);
    sp_sampler_seed(7);
    int sampled = 0;
    for (int i = 0; i < 40000; i++) {
        spprof_thread thread = {0};
        sampled += allocate(&thread, plan, 700);
        assert_true(thread.countdown >= sp_plan_gate(plan));
    }
    double p = -expm1(-0.7), sigma = sqrt(p * (1 - p) / 40000);
    assert_true(fabs(sampled / 40000.0 - p) < 4 * sigma);
}

TEST(test_a_countdown_of_an_earlier_start_is_drawn_anew) {
    for (uint64_t power = 1; power <= SPPROF_RATE_MAX; power *= 1024) {
        uint32_t earlier_rate = (uint32_t)power;
        int sampled = 0;
        sp_sampler_seed(8);
        for (int i = 0; i < 40000; i++) {
            spprof_thread thread = {0};
            sp_sampler_redraw(&thread, seeded_plan(earlier_rate, 5));
            sampled += allocate(&thread, seeded_plan(1000, 6), 700);
        }
        double p = -expm1(-0.7), sigma = sqrt(p * (1 - p) / 40000);
        assert_true(fabs(sampled / 40000.0 - p) < 4 * sigma);
    }
}

/* The share is p = 1 − exp(−s/R), within four standard errors. */
static void assert_probability(uint32_t rate, size_t size, uint64_t seed) {
    enum { TRIALS = 200000 };
    sp_plan plan = seeded_plan(rate, 1);
    spprof_thread thread = {0};
    sp_sampler_seed(seed);
    int sampled = 0;
    for (int i = 0; i < TRIALS; i++) sampled += allocate(&thread, plan, size);
    double p = -expm1(-(double)size / rate), sigma = sqrt(p * (1 - p) / TRIALS);
    if (fabs((double)sampled / TRIALS - p) > 4 * sigma)
        fail_msg("size %zu, rate %u: %d of %d sampled, not %f", size, rate, sampled, TRIALS, p * TRIALS);
}

TEST(test_an_allocation_is_sampled_with_the_probability_of_its_size) {
    static const size_t sizes[] = {1, 2, 8, 24, 100, 512, 1000, 2048, 4096};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_probability(1, sizes[i] % 16, 100 + i); /* including size 0 */
        assert_probability(512, sizes[i], 200 + i);
        assert_probability(1000, sizes[i], 300 + i);
    }
    assert_probability(524288, 524288, 1);
    assert_probability(524288, 4096, 2);
    assert_probability(524288, 3 << 20, 3);
    assert_probability(SPPROF_RATE_MAX, SPPROF_RATE_MAX / 2, 4);
}

/* An allocation's chance depends neither on the preceding allocations nor on whether the last one was sampled. */
TEST(test_an_allocations_chance_does_not_depend_on_those_before) {
    enum { TRIALS = 400000, RATE = 1000, SIZE = 600 };
    static const size_t between[] = {0, 1, 599, 1000, 5000};
    double p = -expm1(-(double)SIZE / RATE);
    for (size_t i = 0; i < sizeof between / sizeof *between; i++) {
        spprof_thread thread = {0};
        sp_sampler_seed(500 + i);
        int count[2] = {0}, sampled[2] = {0}, last = 0;
        for (int trial = 0; trial < TRIALS; trial++) {
            allocate(&thread, seeded_plan(RATE, 1), between[i]);
            int now = allocate(&thread, seeded_plan(RATE, 1), SIZE);
            count[last]++;
            sampled[last] += now;
            last = now;
        }
        for (last = 0; last < 2; last++) {
            double sigma = sqrt(p * (1 - p) / count[last]);
            assert_true(fabs((double)sampled[last] / count[last] - p) < 4 * sigma);
        }
    }
}

/* If the chunks are small, the same bytes in chunks of any size give the same number of samples. Weighted by 1/p,
 * the samples give the number of chunks in any case. */
TEST(test_weighted_samples_estimate_the_bytes_in_any_chunking) {
    enum { RATE = 4096 };
    static const size_t chunks[] = {16, 100, 1024, 4096, 20000};
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
        double bytes = 2e9, n = floor(bytes / (double)chunks[i]) > 2e6 ? 2e6 : floor(bytes / (double)chunks[i]);
        double p = -expm1(-(double)chunks[i] / RATE);
        spprof_thread thread = {0};
        sp_sampler_seed(600 + i);
        double sampled = 0;
        for (double done = 0; done < n; done++) sampled += allocate(&thread, seeded_plan(RATE, 1), chunks[i]);
        assert_true(fabs(sampled / p - n) < 4 * sqrt(n * (1 - p) / p));
    }
}

/* ---- A changing interval ---- */

TEST(test_a_countdown_keeps_the_rate_it_was_drawn_under) {
    sp_plan plan = seeded_plan(1000, 1), later = seeded_plan(64000, 1);
    spprof_thread thread = {0};
    sp_sampler_seed(9);
    sp_sampler_redraw(&thread, plan);
    assert_int_equal(thread.drawn_rate, 1000);
    while (!allocate(&thread, later, 10)) assert_int_equal(thread.drawn_rate, 1000);
    assert_int_equal(thread.drawn_rate, 64000);
    assert_true(allocate(&thread, seeded_plan(0, 2), 10));
    assert_int_equal(thread.drawn_rate, 0);
}

/* The interval depends on earlier samples, more drastically than with any budget. The sum of the weights minus the
 * bytes is a martingale whose variance is known step by step. */
TEST(test_weights_are_unbiased_whatever_the_rate_made_of_earlier_samples) {
    enum { STEPS = 2000000 };
    static const size_t sizes[] = {16, 100, 700, 3000, 16, 48, 20000};
    for (uint64_t seed = 1; seed <= 5; seed++) {
        spprof_thread thread = {0};
        sp_sampler_seed(seed);
        double off = 0, variance = 0;
        uint32_t rate = 512;
        sp_sampler_redraw(&thread, seeded_plan(rate, 1));
        for (int step = 0; step < STEPS; step++) {
            double size = (double)sizes[step % 7];
            double p = -expm1(-size / thread.drawn_rate);
            bool sampled = allocate(&thread, seeded_plan(rate, 1), sizes[step % 7]);
            off += (sampled ? size / -expm1(-size / rate_of_sample) : 0) - size;
            variance += size * size * (1 - p) / p;
            if (sampled) rate = rate == 512 ? 1 << 15 : 512;
        }
        double errors = off / sqrt(variance); /* in standard errors */
        if (fabs(errors) > 5) fail_msg("seed %d: off by %f standard errors", (int)seed, errors);
    }
}

/* ---- Seeds ---- */

static void draw_gaps(spprof_thread *thread, sp_plan plan, int64_t *gaps, int count) {
    for (int i = 0; i < count; i++) {
        sp_sampler_redraw(thread, plan);
        gaps[i] = thread->countdown - sp_plan_gate(plan);
    }
}

TEST(test_a_seed_fixes_the_sequence_of_each_thread_by_its_place) {
    enum { THREADS = 4, DRAWS = 1000 };
    int64_t first[THREADS][DRAWS], second[THREADS][DRAWS];
    for (int round = 0; round < 2; round++) {
        sp_sampler_seed(42);
        for (int i = 0; i < THREADS; i++) {
            spprof_thread thread = {.random = round * 99, .epoch = 77};
            draw_gaps(&thread, seeded_plan(4096, 9 + round), round ? second[i] : first[i], DRAWS);
        }
    }
    assert_memory_equal(first, second, sizeof first);
    for (int i = 0; i < THREADS; i++)
        for (int j = 0; j < i; j++) assert_memory_not_equal(first[i], first[j], sizeof first[i]);
    sp_sampler_seed(43);
    spprof_thread thread = {0};
    draw_gaps(&thread, seeded_plan(4096, 9), second[0], DRAWS);
    assert_memory_not_equal(first[0], second[0], sizeof first[0]);
}

/* Nor are their sequences a single sequence entered at different points. */
TEST(test_sequences_of_neighbouring_threads_and_seeds_share_no_draws) {
    enum { DRAWS = 300 };
    int64_t gaps[6][DRAWS];
    for (int i = 0; i < 6; i++) {
        if (i % 3 == 0) sp_sampler_seed((uint64_t)i / 3);
        spprof_thread thread = {0};
        draw_gaps(&thread, seeded_plan(SPPROF_RATE_MAX, 1), gaps[i], DRAWS);
    }
    int equal = 0;
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < i; j++)
            for (int a = 0; a < DRAWS; a++)
                for (int b = 0; b < DRAWS; b++) equal += gaps[i][a] == gaps[j][b];
    assert_in_range(equal, 0, 5); /* 15 · 300² pairs, each with a chance of about 2^−31 */
}

/* The mean, variance and median are those of an exponential distribution, within four standard errors. */
TEST(test_draws_are_exponential) {
    enum { DRAWS = 400000 };
    double rate = 1 << 20, sum = 0, squares = 0, below_median = 0;
    sp_plan plan = seeded_plan(1 << 20, 1);
    spprof_thread thread = {0};
    sp_sampler_seed(11);
    for (int i = 0; i < DRAWS; i++) {
        int64_t gap;
        draw_gaps(&thread, plan, &gap, 1);
        sum += (double)gap;
        squares += (double)gap * (double)gap;
        below_median += (double)gap < rate * log(2);
    }
    assert_true(fabs(sum / DRAWS - rate) < 4 * rate / sqrt(DRAWS));
    assert_true(fabs(squares / DRAWS - 2 * rate * rate) < 4 * rate * rate * sqrt(20.0 / DRAWS));
    assert_true(fabs(below_median / DRAWS - 0.5) < 4 * 0.5 / sqrt(DRAWS));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_plan_survives_packing_at_its_extremes),
        cmocka_unit_test(test_no_plan_is_the_stopped_one),
        cmocka_unit_test(test_gates_rise_by_more_than_any_draw_and_stay_positive),
        cmocka_unit_test(test_a_draw_lies_between_its_gate_and_the_next),
        cmocka_unit_test(test_rate_zero_samples_every_allocation),
        cmocka_unit_test(test_nothing_of_size_zero_is_sampled_at_a_rate),
        cmocka_unit_test(test_what_is_far_larger_than_the_rate_is_always_sampled),
        cmocka_unit_test(test_the_first_allocation_of_a_thread_is_decided_on_its_own),
        cmocka_unit_test(test_a_countdown_of_an_earlier_start_is_drawn_anew),
        cmocka_unit_test(test_an_allocation_is_sampled_with_the_probability_of_its_size),
        cmocka_unit_test(test_an_allocations_chance_does_not_depend_on_those_before),
        cmocka_unit_test(test_weighted_samples_estimate_the_bytes_in_any_chunking),
        cmocka_unit_test(test_a_countdown_keeps_the_rate_it_was_drawn_under),
        cmocka_unit_test(test_weights_are_unbiased_whatever_the_rate_made_of_earlier_samples),
        cmocka_unit_test(test_a_seed_fixes_the_sequence_of_each_thread_by_its_place),
        cmocka_unit_test(test_sequences_of_neighbouring_threads_and_seeds_share_no_draws),
        cmocka_unit_test(test_draws_are_exponential),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
