/* Starting, stopping, shutting down, and forking. */
#include "fake_hook.h"
#include "profiler.h"
#include "spprof.h"
#include "support.h"

#include <string.h>
#include <unistd.h>

TEST(test_before_the_first_start_there_is_nothing) {
    spprof_stats now = stats(), nothing = {0};
    assert_memory_equal(&now, &nothing, sizeof now);
    assert_false(spprof_is_active());
    assert_false(spprof_is_shut_down());
    assert_int_equal(spprof_stop(), SPPROF_NOT_ACTIVE);
    assert_int_equal(spprof_copy_live(NULL, 0), 0);
    allocate(1, 100);
    release(1);
    spprof_forget(at(1));
    reallocate(at(1), 10, at(1));
    assert_int_equal(stats().total_samples, 0);
    assert_string_equal(spprof_version(), SPPROF_VERSION);
}

TEST(test_starting_twice_and_stopping_twice_are_refused) {
    start(0);
    assert_true(spprof_is_active());
    assert_int_equal(spprof_start(0, NULL), SPPROF_ALREADY_ACTIVE);
    assert_int_equal(spprof_start(512, NULL), SPPROF_ALREADY_ACTIVE);
    assert_int_equal(stats().rate, 0);
    assert_int_equal(stats().epochs, 1);
    assert_int_equal(spprof_stop(), SPPROF_OK);
    assert_int_equal(spprof_stop(), SPPROF_NOT_ACTIVE);
    assert_false(spprof_is_active());
}

TEST(test_a_rate_above_the_maximum_is_refused) {
    assert_int_equal(spprof_start(SPPROF_RATE_MAX + 1, NULL), SPPROF_BAD_RATE);
    assert_int_equal(spprof_start(UINT32_MAX, NULL), SPPROF_BAD_RATE);
    assert_false(spprof_is_active());
    assert_int_equal(spprof_start(SPPROF_RATE_MAX, NULL), SPPROF_OK);
    assert_int_equal(stats().rate, SPPROF_RATE_MAX);
}

TEST(test_samples_accumulate_over_stops_and_starts) {
    for (uintptr_t n = 0; n < 10; n++) {
        start(0);
        allocate(n, 100);
        assert_int_equal(spprof_stop(), SPPROF_OK);
        assert_int_equal(stats().epochs, n + 1);
    }
    assert_live(10, 1000);
}

TEST(test_the_last_possible_start_works_and_the_next_is_refused) {
    start(0);
    allocate(1, 100);
    spprof_stop();
    sp_plan plan = {.epoch = SP_EPOCHS_MAX - 1};
    atomic_store(&sp_the_profiler.plan, sp_plan_pack(plan));
    const uint64_t seed = 1;
    assert_int_equal(spprof_start(1000, &seed), SPPROF_OK);
    for (uintptr_t n = 2; n < 12; n++) allocate(n, 40000);
    assert_int_equal(stats().total_samples, 11);
    assert_int_equal(spprof_stop(), SPPROF_OK);
    assert_int_equal(spprof_start(0, NULL), SPPROF_TOO_MANY_STARTS);
    assert_int_equal(stats().live_samples, 11);
}

TEST(test_shutdown_keeps_the_data_and_follows_nothing_more) {
    start(0);
    allocate(1, 100);
    allocate(2, 50);
    spprof_shutdown();
    assert_true(spprof_is_shut_down());
    assert_false(spprof_is_active());
    allocate(3, 10);
    release(1);
    reallocate(at(2), 70, at(4));
    assert_live(2, 150);
    spprof_stack stack;
    assert_true(spprof_stack_get(live_sample(1).stack_id, &stack));
    assert_int_equal(spprof_start(0, NULL), SPPROF_SHUT_DOWN);
    assert_int_equal(spprof_stop(), SPPROF_NOT_ACTIVE);
    spprof_shutdown();
    assert_live(2, 150);
}

TEST(test_shutdown_before_any_start_is_final_too) {
    spprof_shutdown();
    assert_int_equal(spprof_start(0, NULL), SPPROF_SHUT_DOWN);
    allocate(1, 10);
    assert_int_equal(stats().total_samples, 0);
}

/* Calls are in progress when another thread shuts down. */
TEST(test_calls_in_flight_at_shutdown_leave_the_counters_right) {
    start(0);
    allocate(1, 100);
    spprof_ticket sampled;
    assert_false(spprof_passes(10));
    spprof_begin(&sampled, 10);
    sp_guard_leave(&spprof_this_thread); /* as if on another thread */
    spprof_shutdown();
    sp_guard_enter(&spprof_this_thread);
    spprof_end(&sampled, at(2));
    assert_live(1, 100);
    assert_int_equal(stats().total_samples, 1);
    assert_dropped(SPPROF_DROP_REASON_COUNT, 0);
}

TEST(test_a_realloc_in_flight_at_shutdown_ends_its_sample) {
    start(0);
    allocate(1, 100);
    spprof_ticket ticket;
    spprof_begin_realloc(&ticket, at(1), 200, false);
    spprof_shutdown();
    spprof_end(&ticket, NULL);
    assert_live(0, 0);
    assert_int_equal(stats().freed_samples, 1);
    assert_dropped(SPPROF_DROP_REASON_COUNT, 0);
}

static void start_or_stop(unsigned thread, void *argument) {
    _Atomic unsigned *started = argument;
    (void)thread;
    for (int i = 0; i < 5000; i++) {
        if (spprof_start(0, NULL) == SPPROF_OK) atomic_fetch_add(started, 1);
        spprof_stop();
    }
}

TEST(test_of_threads_that_start_at_once_one_succeeds_each_time) {
    _Atomic unsigned started = 0;
    run_threads(8, start_or_stop, &started);
    assert_in_range(started, 5000, 40000);
    assert_int_equal(stats().epochs, started);
}

/* ---- Fork ---- */

static void go_on_in_child(void *argument) {
    spprof_stats now;
    (void)argument;
    CHECK(spprof_is_active());
    spprof_get_stats(&now);
    CHECK(now.live_samples == 2 && now.live_bytes == BYTES(150) && now.total_samples == 3);
    release(1);
    allocate(7, 30);
    spprof_get_stats(&now);
    CHECK(now.live_samples == 2 && now.live_bytes == BYTES(80) && now.total_samples == 4);
    CHECK(live_sample(7).thread_id == (uint32_t)getpid());
    CHECK(live_sample(2).thread_id != (uint32_t)getpid());
    CHECK(spprof_stop() == SPPROF_OK);
    CHECK(spprof_start(0, NULL) == SPPROF_OK);
}

TEST(test_a_forked_child_goes_on_by_itself) {
    start(0);
    allocate(1, 100);
    allocate(2, 50);
    allocate(3, 5);
    release(3);
    run_in_child(go_on_in_child, NULL);
    assert_live(2, 150); /* unchanged in the parent */
    assert_int_equal(stats().epochs, 1);
}

#define THREADS 8
#define OWN 64
#define FORKS 150

static _Atomic bool enough;

static void hammer(unsigned thread) {
    uint64_t seed = thread + 1;
    uint64_t sizes[OWN] = {0};
    uintptr_t first = thread * OWN;
    while (!atomic_load_explicit(&enough, memory_order_relaxed)) {
        uint64_t i = random_below(&seed, OWN), size = 1 + random_below(&seed, 5000);
        if (sizes[i] && seed >> 63) {
            reallocate(at(first + i), size, at(first + i));
            sizes[i] = size;
        } else if (sizes[i]) {
            release(first + i);
            sizes[i] = 0;
        } else {
            allocate(first + i, size);
            sizes[i] = size;
        }
    }
}

/* Check that the counters match the table's list, now and after further changes. */
static void check_totals(void) {
    static spprof_sample listed[THREADS * OWN];
    spprof_stats now;
    uint64_t bytes = 0;
    spprof_get_stats(&now);
    size_t count = spprof_copy_live(listed, THREADS * OWN);
    CHECK(count <= THREADS * OWN);
    for (size_t i = 0; i < count; i++) bytes += listed[i].size;
    CHECK(now.live_samples == count && now.total_samples == now.live_samples + now.freed_samples);
    CHECK(now.live_bytes == BYTES(bytes) && now.live_objects == OBJECTS(count));
}

static void check_child(void *argument) {
    (void)argument;
    check_totals();
    for (uintptr_t n = 0; n < THREADS * OWN; n += 3) release(n);
    check_totals();
    for (uintptr_t n = 0; n < THREADS * OWN; n += 5) allocate(n + 10000, 100);
    check_totals();
    for (uintptr_t n = 0; n < 20000; n++) release(n);
    check_totals();
    spprof_stats now;
    spprof_get_stats(&now);
    CHECK(now.live_samples == 0 && now.live_bytes == 0);
    CHECK(spprof_stop() == SPPROF_OK);
    CHECK(spprof_start(1000, NULL) == SPPROF_OK);
}

static void hammer_or_fork(unsigned thread, void *argument) {
    (void)argument;
    if (thread < THREADS) {
        hammer(thread);
        return;
    }
    for (int i = 0; i < FORKS; i++) run_in_child(check_child, NULL);
    atomic_store(&enough, true);
}

TEST(test_children_of_a_busy_parent_count_what_their_table_lists) {
    start(0);
    run_threads(THREADS + 1, hammer_or_fork, NULL);
    for (uintptr_t n = 0; n < THREADS * OWN; n++) release(n);
    assert_live(0, 0);
}

/* The fork happens while another thread is in the middle of a start. */
static void hold_lifecycle_and_fork(void *argument) {
    (void)argument;
    CHECK(spprof_stop() == SPPROF_OK);
    spprof_shutdown();
}

TEST(test_a_child_of_a_parent_that_was_starting_is_not_locked_out) {
    start(0);
    sp_the_profiler.lifecycle.state = 1; /* held by a thread that does not exist in the child */
    run_in_child(hold_lifecycle_and_fork, NULL);
}

static void check_pending(void *argument) {
    (void)argument;
    allocate(2, 10);
    spprof_stats now;
    spprof_get_stats(&now);
    CHECK(now.live_samples == 1 && now.live_bytes == BYTES(10));
}

TEST(test_a_pending_free_is_done_in_parent_and_child) {
    start(0);
    allocate(1, 100);
    spprof_pause();
    release(1);
    spprof_resume();
    run_in_child(check_pending, NULL);
    check_pending(NULL);
}

/* ---- A broken invariant ---- */

#ifndef SPPROF_DEBUG
void sp_check_failed(const char *condition, const char *file, int line);

TEST(test_a_broken_invariant_switches_a_release_build_off) {
    start(0);
    allocate(1, 100);
    sp_check_failed("test", __FILE__, __LINE__);
    assert_true(spprof_is_shut_down());
    allocate(2, 100);
    release(1);
    assert_int_equal(stats().total_samples, 1);
    assert_int_equal(stats().live_samples, 1);
    assert_int_equal(spprof_start(0, NULL), SPPROF_SHUT_DOWN);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_before_the_first_start_there_is_nothing),
        cmocka_unit_test(test_starting_twice_and_stopping_twice_are_refused),
        cmocka_unit_test(test_a_rate_above_the_maximum_is_refused),
        cmocka_unit_test(test_samples_accumulate_over_stops_and_starts),
        cmocka_unit_test(test_the_last_possible_start_works_and_the_next_is_refused),
        cmocka_unit_test(test_shutdown_keeps_the_data_and_follows_nothing_more),
        cmocka_unit_test(test_shutdown_before_any_start_is_final_too),
        cmocka_unit_test(test_calls_in_flight_at_shutdown_leave_the_counters_right),
        cmocka_unit_test(test_a_realloc_in_flight_at_shutdown_ends_its_sample),
        cmocka_unit_test(test_of_threads_that_start_at_once_one_succeeds_each_time),
        cmocka_unit_test(test_a_forked_child_goes_on_by_itself),
        cmocka_unit_test(test_children_of_a_busy_parent_count_what_their_table_lists),
        cmocka_unit_test(test_a_child_of_a_parent_that_was_starting_is_not_locked_out),
        cmocka_unit_test(test_a_pending_free_is_done_in_parent_and_child),
#ifndef SPPROF_DEBUG
        cmocka_unit_test(test_a_broken_invariant_switches_a_release_build_off),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
