/* The log of the CPU profiler is ordered and bounded, and keeps sums for ticks that do not fit. */
#include "log.h"
#include "options.h"
#include "profiler.h"
#include "support.h"

#include <stdlib.h>

static void prepare(const char *capacity) {
    setenv("SPPROF_CPU_SAMPLES_MAX", capacity, 1);
    assert_true(sp_profiler_create());
    assert_true(sp_log_begin());
}

static sp_stack_record *stack_of(uint64_t frame) {
    sp_stack_key key = {.frames = &frame, .count = 1};
    return sp_stack_table_intern(&sp_the_profiler.stacks, &key);
}

static void overflow(uint64_t frame, uint64_t *samples, uint64_t *weight_ns) {
    spprof_site site;
    sp_stack_record *stack = stack_of(frame);
    CHECK(spprof_site_get(stack->id, &site));
    sp_stack_release(stack);
    *samples = site.ticks;
    *weight_ns = site.tick_ns;
}

static void append(uint64_t n, uint64_t frame) {
    sp_stack_record *stack = stack_of(frame);
    spprof_cpu_sample sample = {.time_ns = 1000 + n, .weight_ns = n * n, .thread_id = (uint32_t)n + 7};
    sp_log_append(&sample, stack);
    sp_stack_release(stack);
}

TEST(test_samples_are_given_back_in_order) {
    prepare("5000");
    spprof_cpu_sample copy[100];
    assert_int_equal(sp_log_copy(copy, 100), 0);
    for (uint64_t n = 0; n < 100; n++) append(n, 1 + n % 3);
    assert_int_equal(sp_log_copy(NULL, 0), 100);
    assert_int_equal(sp_log_copy(copy, 100), 100);
    for (uint64_t n = 0; n < 100; n++) {
        assert_int_equal(copy[n].time_ns, 1000 + n);
        assert_int_equal(copy[n].weight_ns, n * n);
        assert_int_equal(copy[n].thread_id, n + 7);
        assert_int_equal(copy[n].stack, stack_of(1 + n % 3)->id);
    }
}

TEST(test_what_the_log_has_no_room_for_is_summed_by_stack) {
    prepare("10");
    uint64_t samples[4] = {0}, weights[4] = {0}; /* the naive model, indexed by frame */
    for (uint64_t n = 0; n < 1000; n++) {
        append(n, 1 + n % 3);
        if (n < 10) continue;
        samples[1 + n % 3]++;
        weights[1 + n % 3] += n * n;
    }
    assert_int_equal(sp_log_copy(NULL, 0), 10);
    for (uint64_t frame = 1; frame <= 3; frame++) {
        uint64_t count, weight;
        overflow(frame, &count, &weight);
        assert_int_equal(count, samples[frame]);
        assert_int_equal(weight, weights[frame]);
    }
}

TEST(test_the_next_session_begins_empty) {
    prepare("10");
    for (uint64_t n = 0; n < 50; n++) append(n, 1);
    assert_true(sp_log_begin());
    uint64_t count, weight;
    assert_int_equal(sp_log_copy(NULL, 0), 0);
    overflow(1, &count, &weight);
    assert_int_equal(count, 0);
    assert_int_equal(weight, 0);
    append(3, 1);
    spprof_cpu_sample copy[2];
    assert_int_equal(sp_log_copy(copy, 2), 1);
    assert_int_equal(copy[0].time_ns, 1003);
}

static void append_many(unsigned index, void *unused) {
    (void)unused;
    for (uint64_t n = 0; n < 10000; n++) append(index * UINT64_C(10000) + n, 1 + n % 5);
}

TEST(test_threads_that_append_at_once_lose_nothing) {
    prepare("30000");
    for (uint64_t frame = 1; frame <= 5; frame++) stack_of(frame); /* racing threads may both add a new stack */
    run_threads(8, append_many, NULL);
    spprof_cpu_sample *copy = calloc(30000, sizeof *copy);
    assert_int_equal(sp_log_copy(copy, 30000), 30000);
    uint64_t total = 0, weight = 0, expected = 0;
    for (int i = 0; i < 30000; i++) weight += copy[i].weight_ns;
    for (uint64_t frame = 1; frame <= 5; frame++) {
        uint64_t count, more;
        overflow(frame, &count, &more);
        total += count;
        weight += more;
    }
    for (uint64_t n = 0; n < 80000; n++) expected += n * n;
    assert_int_equal(total, 50000);
    assert_int_equal(weight, expected);
    free(copy);
}

static void churn(uint64_t from, uint64_t count) {
    for (uint64_t frame = from; frame < from + count; frame++) sp_stack_release(stack_of(frame));
}

/* The log identifies stacks by their slots, so no slot may get another stack before the next session. */
TEST(test_stacks_in_the_log_stay_until_the_next_session) {
    setenv("SPPROF_STACKS_MAX", "64", 1);
    prepare("10"); /* and sums for ticks that do not fit */
    spprof_cpu_sample copy[10];
    for (uint64_t n = 0; n < 40; n++) append(n, 1 + n);
    churn(1000, 5000);
    assert_int_equal(sp_log_copy(copy, 10), 10);
    for (uint64_t n = 0; n < 10; n++)
        assert_int_equal(sp_stack_table_get(&sp_the_profiler.stacks, copy[n].stack)->frames[0], 1 + n);
    for (uint64_t n = 10; n < 40; n++) {
        uint64_t samples, weight_ns;
        overflow(1 + n, &samples, &weight_ns);
        assert_int_equal(samples, 1);
        assert_int_equal(weight_ns, n * n);
    }
    assert_true(sp_log_begin());
    churn(10000, 5000);
    assert_null(sp_stack_table_get(&sp_the_profiler.stacks, copy[0].stack));
}

/* The stacks and the sums of ticks that did not fit are copied together, without other stacks. */
TEST(test_the_stacks_of_a_session_are_copied_with_what_its_log_had_no_room_for) {
    prepare("10");
    spprof_site sites[8];
    uint64_t frames[8];
    size_t count, frame_count;
    churn(100, 50);
    for (uint64_t n = 0; n < 20; n++) append(n, 1 + n % 3);
    assert_false(spprof_copy_stacks(true, sites, 2, &count, frames, 8, &frame_count));
    assert_int_equal(count, 3);
    assert_true(spprof_copy_stacks(true, sites, 8, &count, frames, 8, &frame_count));
    assert_int_equal(count, 3);
    uint64_t ticks = 0;
    for (size_t i = 0; i < 3; i++) {
        assert_in_range(frames[sites[i].first_frame], 1, 3);
        ticks += sites[i].ticks;
    }
    assert_int_equal(ticks, 10);
}

TEST(test_a_full_table_of_stacks_has_a_mark_for_ticks_too) {
    setenv("SPPROF_STACKS_MAX", "20", 1);
    prepare("1000");
    for (uint64_t n = 0; n < 100; n++) append(n, 1 + n);
    spprof_cpu_sample copy[100];
    assert_int_equal(sp_log_copy(copy, 100), 100);
    for (uint64_t n = 20; n < 100; n++)
        assert_true(sp_stack_is_marked(sp_stack_table_get(&sp_the_profiler.stacks, copy[n].stack)));
}

TEST(test_with_little_memory_the_log_is_smaller) {
    setenv("SPPROF_ENGINE_BYTES_MAX", "16000000", 1);
    prepare("2097152");
    for (uint64_t n = 0; n < 5000; n++) append(n, 1);
    assert_true(sp_log_copy(NULL, 0) >= 4096);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples_are_given_back_in_order),
        cmocka_unit_test(test_what_the_log_has_no_room_for_is_summed_by_stack),
        cmocka_unit_test(test_the_next_session_begins_empty),
        cmocka_unit_test(test_threads_that_append_at_once_lose_nothing),
        cmocka_unit_test(test_stacks_in_the_log_stay_until_the_next_session),
        cmocka_unit_test(test_the_stacks_of_a_session_are_copied_with_what_its_log_had_no_room_for),
        cmocka_unit_test(test_a_full_table_of_stacks_has_a_mark_for_ticks_too),
        cmocka_unit_test(test_with_little_memory_the_log_is_smaller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
