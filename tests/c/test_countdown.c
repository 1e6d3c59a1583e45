/* Countdowns must not wrap, whatever sizes are requested. */
#include "fake_hook.h"
#include "pool.h"
#include "spprof.h"
#include "support.h"

static const size_t impossible[] = {PTRDIFF_MAX, (size_t)PTRDIFF_MAX + 1, SIZE_MAX, (size_t)1 << 62, (size_t)3 << 61};

/* Outside the slow path the countdown is never negative, so none of these sizes can make it wrap. */
static void ask_for_the_impossible(void) {
    for (int i = 0; i < 200; i++) {
        fail_to_allocate(impossible[i * i % 5]);
        assert_true(spprof_this_thread.countdown >= 0);
        assert_null(reallocate(at(1), impossible[i % 5], NULL));
        assert_true(spprof_this_thread.countdown >= 0);
        if (impossible[i % 5] <= PTRDIFF_MAX && !spprof_passes(impossible[i % 5]) && sp_handoff_begin(48))
            sp_handoff_end();
        assert_true(spprof_this_thread.countdown >= 0);
    }
}

static void assert_sampled_like_any(uint32_t rate) {
    uint64_t before = stats().total_samples;
    for (uintptr_t n = 0; n < 1000; n++) allocate(n, (size_t)rate * 40 + 1);
    assert_int_equal(stats().total_samples - before, 1000);
    for (uintptr_t n = 0; n < 1000; n++) release(n);
}

TEST(test_impossible_sizes_while_active_leave_the_sampling_right) {
    for (uint32_t rate = 0; rate < 2000; rate += 1000) {
        start(rate);
        for (int i = 0; i < 5; i++) {
            fail_to_allocate(impossible[i]);
            assert_sampled_like_any(rate);
        }
        ask_for_the_impossible();
        assert_sampled_like_any(rate);
        spprof_stop();
    }
}

TEST(test_impossible_sizes_while_stopped_leave_the_next_start_right) {
    ask_for_the_impossible(); /* before the first start */
    for (uint32_t rate = 0; rate < 2000; rate += 1000) {
        for (int times = 1; times < 8; times++) {
            start(rate);
            assert_sampled_like_any(rate);
            spprof_stop();
            for (int i = 0; i < times; i++) fail_to_allocate((size_t)1 << 62);
            start(rate);
            assert_sampled_like_any(rate);
            spprof_stop();
            ask_for_the_impossible();
        }
    }
}

TEST(test_impossible_sizes_inside_the_guard_leave_the_sampling_right) {
    for (uint32_t rate = 0; rate < 2000; rate += 1000) {
        start(rate);
        spprof_pause();
        ask_for_the_impossible();
        spprof_resume();
        assert_sampled_like_any(rate);
        spprof_pause();
        ask_for_the_impossible();
        spprof_stop();
        ask_for_the_impossible();
        spprof_resume();
        start(rate);
        assert_sampled_like_any(rate);
        spprof_stop();
    }
}

TEST(test_impossible_reallocs_leave_the_sampling_right) {
    start(0);
    allocate(1, 10);
    for (int i = 0; i < 50; i++) assert_null(reallocate(at(1), impossible[i % 5], NULL));
    spprof_stop();
    for (int i = 0; i < 50; i++) assert_null(reallocate(at(1), impossible[i % 5], NULL));
    start(0);
    release(1);
    assert_sampled_like_any(0);
}

/* A stopped profiler must not send every allocation down the slow path. */
TEST(test_a_stopped_thread_takes_the_slow_path_once) {
    unsigned slow = 0;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 1000; i++) {
            if (spprof_passes(1000)) continue;
            spprof_ticket ticket;
            spprof_begin(&ticket, 1000);
            spprof_end(&ticket, NULL);
            slow++;
        }
        assert_int_equal(slow, round + 1);
        start(0);
        allocate(1, 10);
        spprof_stop();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_impossible_sizes_while_active_leave_the_sampling_right),
        cmocka_unit_test(test_impossible_sizes_while_stopped_leave_the_next_start_right),
        cmocka_unit_test(test_impossible_sizes_inside_the_guard_leave_the_sampling_right),
        cmocka_unit_test(test_impossible_reallocs_leave_the_sampling_right),
        cmocka_unit_test(test_a_stopped_thread_takes_the_slow_path_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
