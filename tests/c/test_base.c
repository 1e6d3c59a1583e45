/* Locks, options, checks, clocks, threads, paths, and the list of pending frees. */
#include "check.h"
#include "clock.h"
#include "lock.h"
#include "options.h"
#include "path.h"
#include "pending.h"
#include "support.h"
#include "thread.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS 8

/* ---- Pending frees ---- */

static sp_pending pending;

TEST(test_pending_addresses_come_out_once_each) {
    assert_int_equal(sp_pending_pop(&pending), 0);
    for (uintptr_t address = 1; address <= 10; address++) assert_true(sp_pending_push(&pending, address));
    unsigned seen = 0;
    for (int i = 0; i < 10; i++) {
        uintptr_t address = sp_pending_pop(&pending);
        assert_in_range(address, 1, 10);
        assert_int_equal(seen & 1u << address, 0);
        seen |= 1u << address;
    }
    assert_int_equal(sp_pending_pop(&pending), 0);
}

TEST(test_a_full_pending_list_refuses_until_one_is_taken) {
    for (uintptr_t address = 1; address <= SP_PENDING_MAX; address++) assert_true(sp_pending_push(&pending, address));
    assert_false(sp_pending_push(&pending, 1000));
    assert_false(sp_pending_push(&pending, 1001));
    uintptr_t taken = sp_pending_pop(&pending);
    assert_true(sp_pending_push(&pending, 1002));
    assert_false(sp_pending_push(&pending, 1003));
    uint64_t sum = 0, left = 0;
    for (uintptr_t address; (address = sp_pending_pop(&pending)) != 0; left++) sum += address;
    assert_int_equal(left, SP_PENDING_MAX);
    assert_int_equal(sum, SP_PENDING_MAX * (SP_PENDING_MAX + 1) / 2 - taken + 1002);
}

static _Atomic uint64_t pushed, popped;
static _Atomic uint8_t times[THREADS * 40000 + 1];

static void push_and_pop(unsigned thread, void *argument) {
    (void)argument;
    for (uintptr_t i = 0; i < 40000; i++) {
        if (sp_pending_push(&pending, thread * 40000 + i + 1)) atomic_fetch_add(&pushed, 1);
        if (i % 8 == 0) continue;
        uintptr_t address = sp_pending_pop(&pending);
        if (address == 0) continue;
        atomic_fetch_add(&popped, 1);
        CHECK(atomic_fetch_add(&times[address], 1) == 0);
    }
}

TEST(test_eight_threads_lose_no_pending_address) {
    run_threads(THREADS, push_and_pop, NULL);
    for (uintptr_t address; (address = sp_pending_pop(&pending)) != 0; popped++) assert_int_equal(times[address]++, 0);
    assert_int_equal(pushed, popped);
    assert_in_range(pushed, THREADS * 40000 / 2, THREADS * 40000);
    assert_int_equal(pending.count, 0);
}

/* ---- Locks ---- */

static sp_lock lock = {.rank = 1};
static uint64_t guarded;

static void count_under_lock(unsigned thread, void *argument) {
    (void)argument, (void)thread;
    for (int i = 0; i < 100000; i++) {
        sp_lock_acquire(&lock);
        uint64_t before = *(volatile uint64_t *)&guarded;
        if (i % 4096 == 0) sched_yield();
        *(volatile uint64_t *)&guarded = before + 1;
        sp_lock_release(&lock);
    }
}

TEST(test_a_lock_lets_one_of_eight_threads_in) {
    run_threads(THREADS, count_under_lock, NULL);
    assert_int_equal(guarded, THREADS * 100000);
    assert_int_equal(lock.state, 0);
}

static void acquire_after_reset(void *argument) {
    (void)argument;
    sp_lock_reset_after_fork(&lock);
    sp_lock_acquire(&lock);
    CHECK(lock.state == 1);
    sp_lock_release(&lock);
}

TEST(test_a_lock_held_across_fork_is_free_in_the_child_after_its_reset) {
    sp_lock_acquire(&lock);
    run_in_child(acquire_after_reset, NULL);
    sp_lock_release(&lock);
}

#ifdef SPPROF_DEBUG

static int signal_of_child(void (*body)(void)) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        body();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static sp_lock low = {.rank = 1}, high = {.rank = 2}, higher = {.rank = 3};

static void take_rising(void) {
    for (int i = 0; i < 2; i++) {
        sp_lock_acquire(&low);
        sp_lock_acquire(&higher);
        sp_lock_release(&low);
        sp_lock_release(&higher);
    }
}

static void take_falling(void) {
    sp_lock_acquire(&high);
    sp_lock_acquire(&low);
}

static void take_one_rank_twice(void) {
    sp_lock_acquire(&low);
    sp_lock_acquire(&lock);
}

TEST(test_a_debug_build_stops_where_locks_are_taken_in_falling_rank) {
    assert_int_equal(signal_of_child(take_rising), 0);
    assert_int_equal(signal_of_child(take_falling), SIGABRT);
    assert_int_equal(signal_of_child(take_one_rank_twice), SIGABRT);
}

static void break_an_invariant(void) {
    SP_ASSERT(1 + 1 == 3);
}

TEST(test_a_debug_build_stops_at_a_broken_invariant) {
    assert_int_equal(signal_of_child(break_an_invariant), SIGABRT);
}

#else

static int switched_off;

static void switch_off(void) {
    switched_off++;
}

TEST(test_a_release_build_switches_off_at_a_broken_invariant) {
    SP_ASSERT(1 + 1 == 3);
    sp_check_set_handler(switch_off);
    SP_ASSERT(1 + 1 == 2);
    assert_int_equal(switched_off, 0);
    SP_ASSERT(1 + 1 == 3);
    assert_int_equal(switched_off, 1);
}

#endif

/* ---- Options ---- */

static uint64_t option_after(const char *text) {
    sp_options.live_samples_max = 7;
    setenv("SPPROF_LIVE_SAMPLES_MAX", text, 1);
    sp_options_read_environment();
    return sp_options.live_samples_max;
}

TEST(test_a_positive_whole_number_sets_an_option) {
    assert_int_equal(option_after("1"), 1);
    assert_int_equal(option_after("1000000"), 1000000);
    assert_int_equal(option_after("0010"), 10);
    assert_int_equal(option_after("18446744073709551615"), UINT64_MAX);
}

TEST(test_anything_else_leaves_an_option_as_it_was) {
    static const char *const wrong[] = {"", "0", "000", "-1", "+1", " 1", "1 ", "1k", "0x10", "1.5", "1e3", "many"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_int_equal(option_after(wrong[i]), 7);
}

TEST(test_each_option_has_its_variable_and_its_default) {
    assert_int_equal(sp_options.live_samples_max, 1 << 22);
    assert_int_equal(sp_options.stacks_max, 1 << 18);
    assert_int_equal(sp_options.codes_max, 1 << 18);
    assert_int_equal(sp_options.engine_bytes_max, UINT64_C(1) << 32);
    setenv("SPPROF_LIVE_SAMPLES_MAX", "11", 1);
    setenv("SPPROF_STACKS_MAX", "12", 1);
    setenv("SPPROF_CODES_MAX", "13", 1);
    setenv("SPPROF_ENGINE_BYTES_MAX", "14", 1);
    sp_options_read_environment();
    assert_int_equal(sp_options.live_samples_max, 11);
    assert_int_equal(sp_options.stacks_max, 12);
    assert_int_equal(sp_options.codes_max, 13);
    assert_int_equal(sp_options.engine_bytes_max, 14);
}

/* ---- Clock and threads ---- */

TEST(test_the_clock_never_goes_back_and_counts_nanoseconds) {
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    uint64_t last = 0;
    for (int i = 0; i < 100000; i++) {
        uint64_t now = sp_clock_monotonic_ns();
        assert_true(now >= last);
        last = now;
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    assert_true(last >= (uint64_t)start.tv_sec * 1000000000 + (uint64_t)start.tv_nsec);
    assert_true(last <= (uint64_t)end.tv_sec * 1000000000 + (uint64_t)end.tv_nsec);
}

static uint32_t thread_ids[THREADS];

static void ask_for_id(unsigned thread, void *argument) {
    (void)argument;
    thread_ids[thread] = sp_thread_kernel_id();
}

TEST(test_each_thread_has_an_id_of_its_own) {
    run_threads(THREADS, ask_for_id, NULL);
    for (int i = 0; i < THREADS; i++) {
        assert_int_not_equal(thread_ids[i], 0);
        assert_int_not_equal(thread_ids[i], sp_thread_kernel_id());
        for (int j = 0; j < i; j++) assert_int_not_equal(thread_ids[i], thread_ids[j]);
    }
}

static void look_for_stack_top(unsigned thread, void *argument) {
    (void)thread, (void)argument;
    uintptr_t top = sp_thread_stack_top(), here = (uintptr_t)&top;
    CHECK(top > here && top - here < (uintptr_t)1 << 20);
}

TEST(test_each_threads_stack_ends_above_its_first_frame) {
    look_for_stack_top(0, NULL);
    run_threads(THREADS, look_for_stack_top, NULL);
}

/* ---- Paths ---- */

typedef bool path_of(char *path, size_t capacity);

/* Try with just enough room for the path, and with less. */
static void assert_path(path_of *path_of, const char *expected) {
    char path[SP_PATH_MAX];
    memset(path, 'x', sizeof path);
    assert_true(path_of(path, sizeof path));
    assert_string_equal(path, expected);
    for (size_t capacity = 1; capacity <= strlen(expected); capacity++) assert_false(path_of(path, capacity));
}

static const char *program; /* as it was started */

TEST(test_the_programs_path_and_its_folder_are_told_where_they_fit) {
    char path[SP_PATH_MAX], made[] = "/tmp/spprof-base-XXXXXX", folder[SP_PATH_MAX];
    assert_non_null(realpath(program, path));
    assert_path(sp_path_of_program, path);
    assert_non_null(mkdtemp(made));
    assert_non_null(realpath(made, folder));
    assert_int_equal(chdir(folder), 0);
    assert_path(sp_path_of_folder, folder);
    assert_int_equal(rmdir(folder), 0);
    assert_false(sp_path_of_folder(path, sizeof path));
}

int main(int count, char **words) {
    program = count > 0 ? words[0] : "";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pending_addresses_come_out_once_each),
        cmocka_unit_test(test_a_full_pending_list_refuses_until_one_is_taken),
        cmocka_unit_test(test_eight_threads_lose_no_pending_address),
        cmocka_unit_test(test_a_lock_lets_one_of_eight_threads_in),
        cmocka_unit_test(test_a_lock_held_across_fork_is_free_in_the_child_after_its_reset),
#ifdef SPPROF_DEBUG
        cmocka_unit_test(test_a_debug_build_stops_where_locks_are_taken_in_falling_rank),
        cmocka_unit_test(test_a_debug_build_stops_at_a_broken_invariant),
#else
        cmocka_unit_test(test_a_release_build_switches_off_at_a_broken_invariant),
#endif
        cmocka_unit_test(test_a_positive_whole_number_sets_an_option),
        cmocka_unit_test(test_anything_else_leaves_an_option_as_it_was),
        cmocka_unit_test(test_each_option_has_its_variable_and_its_default),
        cmocka_unit_test(test_the_clock_never_goes_back_and_counts_nanoseconds),
        cmocka_unit_test(test_each_thread_has_an_id_of_its_own),
        cmocka_unit_test(test_each_threads_stack_ends_above_its_first_frame),
        cmocka_unit_test(test_the_programs_path_and_its_folder_are_told_where_they_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
