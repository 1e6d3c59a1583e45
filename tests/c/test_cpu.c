/* Sessions of the CPU profiler: which threads are sampled, what weight samples have, and which calls are harmless. */
#include "clock.h"
#include "cpu.h"
#include "log.h"
#include "profiler.h"
#include "spprof.h"
#include "support.h"
#include "testing.h"
#include "thread.h"
#include "threads.h"
#include "tick.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MS UINT64_C(1000000)
/* Eleven days. The first tick can come at any point within an interval, but practically never during a test. */
#define SELDOM (1000000000 * MS)

static void start(uint64_t interval_ns, bool wall) {
    spprof_cpu_plan plan = {.interval_ns = interval_ns, .wall = wall, .native = true};
    assert_int_equal(spprof_cpu_start(&plan), SPPROF_CPU_OK);
}

static spprof_cpu_stats stats(void) {
    spprof_cpu_stats now;
    spprof_cpu_get_stats(&now);
    return now;
}

static __attribute__((noinline)) void burn(uint64_t ns) {
    uint64_t end = sp_clock_thread_cpu_ns() + ns;
    while (sp_clock_thread_cpu_ns() < end) {
    }
}

typedef struct totals {
    uint64_t samples, weight_ns;
} totals;

static totals totals_of(uint32_t thread_id) {
    size_t count = spprof_cpu_copy(NULL, 0);
    spprof_cpu_sample *samples = calloc(count + 1, sizeof *samples);
    totals found = {0};
    size_t there = spprof_cpu_copy(samples, count);
    for (size_t i = 0; i < count && i < there; i++) {
        CHECK(samples[i].stack != 0);
        if (samples[i].thread_id != thread_id) continue;
        found.samples++;
        found.weight_ns += samples[i].weight_ns;
    }
    free(samples);
    return found;
}

static spprof_cpu_thread thread_of(uint32_t thread_id) {
    spprof_cpu_thread threads[128], none = {0};
    size_t count = spprof_cpu_threads(threads, 128);
    for (size_t i = 0; i < count && i < 128; i++)
        if (threads[i].thread_id == thread_id) return threads[i];
    return none;
}

/* Wait for a number of samples, because a busy machine may skip ticks. */
static __attribute__((noinline)) void burn_until_sampled(uint64_t samples) {
    while (totals_of(sp_thread_kernel_id()).samples < samples) burn(MS);
}

/* ---- Lifecycle ---- */

TEST(test_before_the_first_start_there_is_nothing) {
    spprof_cpu_stats now = stats();
    assert_int_equal(now.sessions, 0);
    assert_int_equal(now.process_ns, 0);
    assert_false(spprof_cpu_is_active());
    assert_int_equal(spprof_cpu_stop(), SPPROF_CPU_NOT_ACTIVE);
    assert_int_equal(spprof_cpu_copy(NULL, 0), 0);
    assert_int_equal(spprof_cpu_threads(NULL, 0), 0);
}

TEST(test_starting_twice_and_stopping_twice_are_refused) {
    start(10 * MS, false);
    spprof_cpu_plan plan = {.interval_ns = MS};
    assert_int_equal(spprof_cpu_start(&plan), SPPROF_CPU_ALREADY_ACTIVE);
    assert_int_equal(stats().plan.interval_ns, 10 * MS);
    assert_int_equal(spprof_cpu_stop(), SPPROF_CPU_OK);
    assert_int_equal(spprof_cpu_stop(), SPPROF_CPU_NOT_ACTIVE);
}

TEST(test_a_new_session_begins_empty_and_the_last_stays_readable_till_then) {
    start(MS, false);
    burn_until_sampled(3);
    spprof_cpu_stop();
    uint64_t samples = stats().samples;
    burn(20 * MS);
    assert_int_equal(stats().samples, samples);
    assert_int_equal(spprof_cpu_copy(NULL, 0), samples);
    start(SELDOM, false);
    assert_int_equal(spprof_cpu_copy(NULL, 0), 0);
    assert_int_equal(stats().sessions, 2);
}

TEST(test_starting_and_stopping_leave_errno_alone) {
    errno = ERANGE;
    start(MS, false);
    burn(20 * MS);
    assert_int_equal(spprof_cpu_stop(), SPPROF_CPU_OK);
    assert_int_equal(errno, ERANGE);
}

TEST(test_a_signal_that_comes_after_the_end_does_nothing) {
    start(SELDOM, false);
    int number;
    uint64_t cookie;
    assert_true(spprof_cpu_tick_of(sp_thread_kernel_id(), &number, &cookie));
    assert_true(sp_tick_send(sp_thread_kernel_id(), cookie));
    assert_int_equal(stats().samples, 1);
    spprof_cpu_stop();
    assert_true(sp_tick_send(sp_thread_kernel_id(), cookie));
    start(SELDOM, false);
    assert_true(sp_tick_send(sp_thread_kernel_id(), cookie)); /* the tick of the previous session */
    assert_int_equal(stats().samples, 0);
}

static void handle_nothing(int number) {
    (void)number;
}

TEST(test_a_handler_in_the_place_of_ours_is_told_and_the_next_session_has_another_signal) {
    start(SELDOM, false);
    int number, next;
    uint64_t cookie;
    assert_true(spprof_cpu_tick_of(sp_thread_kernel_id(), &number, &cookie));
    assert_false(stats().displaced);
    signal(number, handle_nothing);
    assert_true(stats().displaced);
    spprof_cpu_stop();
    assert_true(stats().displaced);
    start(SELDOM, false);
    assert_false(stats().displaced);
    assert_true(spprof_cpu_tick_of(sp_thread_kernel_id(), &next, &cookie));
    assert_int_equal(next, number - 1);
}

TEST(test_a_tick_that_no_timer_sent_is_no_sample) {
    start(SELDOM, false);
    int number;
    uint64_t cookie;
    assert_true(spprof_cpu_tick_of(sp_thread_kernel_id(), &number, &cookie));
    assert_true(sp_tick_send(sp_thread_kernel_id(), cookie + 100));
    assert_true(sp_tick_send(sp_thread_kernel_id(), cookie | UINT32_MAX));
    assert_int_equal(stats().samples, 0);
}

static size_t torn_stack(const spprof_interrupted *at, uint64_t *words, size_t capacity, bool *depth_limited) {
    (void)at, (void)words, (void)capacity, (void)depth_limited;
    return SPPROF_WALK_TORN;
}

static size_t empty_stack(const spprof_interrupted *at, uint64_t *words, size_t capacity, bool *depth_limited) {
    (void)at, (void)words, (void)capacity, (void)depth_limited;
    return 0;
}

static void send_ticks(int count) {
    int number;
    uint64_t cookie;
    assert_true(spprof_cpu_tick_of(sp_thread_kernel_id(), &number, &cookie));
    for (int i = 0; i < count; i++) assert_true(sp_tick_send(sp_thread_kernel_id(), cookie));
}

static uint64_t torn(void) {
    return stats().dropped[SPPROF_CPU_DROP_TORN];
}

TEST(test_a_session_whose_every_stack_is_torn_gives_up_and_the_next_tries_again) {
    spprof_set_tick_walker(torn_stack);
    start(SELDOM, false);
    send_ticks(SPPROF_CPU_HOPELESS_TORN - 1);
    assert_int_equal(torn(), SPPROF_CPU_HOPELESS_TORN - 1);
    assert_false(stats().gave_up);
    send_ticks(10);
    assert_true(stats().gave_up);
    assert_int_equal(torn(), SPPROF_CPU_HOPELESS_TORN);
    spprof_cpu_stop();
    assert_true(stats().gave_up);
    spprof_set_tick_walker(empty_stack);
    start(SELDOM, false);
    send_ticks(1);
    assert_false(stats().gave_up);
    assert_int_equal(stats().samples, 1);
}

TEST(test_a_session_that_reads_one_stack_of_many_goes_on) {
    spprof_set_tick_walker(empty_stack);
    start(SELDOM, false);
    send_ticks(20);
    spprof_set_tick_walker(torn_stack);
    send_ticks(99 * 20);
    assert_false(stats().gave_up);
    send_ticks(1);
    assert_true(stats().gave_up);
}

/* ---- Weights of samples ---- */

TEST(test_weights_add_up_to_the_threads_cpu_time) {
    start(MS, false);
    uint64_t before = sp_clock_thread_cpu_ns();
    burn_until_sampled(10);
    uint64_t used = sp_clock_thread_cpu_ns() - before;
    spprof_cpu_stop();
    totals own = totals_of(sp_thread_kernel_id());
    uint64_t all = own.weight_ns + thread_of(sp_thread_kernel_id()).uncovered_ns;
    assert_true(all >= used);
    assert_true(own.weight_ns <= stats().process_ns + MS);
    assert_int_equal(stats().weight_ns, own.weight_ns);
}

TEST(test_what_is_used_after_the_end_is_not_the_sessions) {
    start(SELDOM, false);
    burn(5 * MS);
    spprof_cpu_stop();
    uint64_t uncovered = thread_of(sp_thread_kernel_id()).uncovered_ns;
    assert_true(uncovered >= 5 * MS);
    burn(5 * MS);
    assert_int_equal(thread_of(sp_thread_kernel_id()).uncovered_ns, uncovered);
}

TEST(test_a_dropped_sample_loses_no_time) {
    start(SELDOM, false);
    int number;
    uint64_t cookie;
    assert_true(spprof_cpu_tick_of(sp_thread_kernel_id(), &number, &cookie));
    spprof_pause(); /* as if inside the heap profiler */
    burn(5 * MS);
    sp_tick_send(sp_thread_kernel_id(), cookie);
    spprof_resume();
    assert_int_equal(stats().dropped[SPPROF_CPU_DROP_IN_ENGINE], 1);
    assert_int_equal(stats().samples, 0);
    sp_tick_send(sp_thread_kernel_id(), cookie);
    assert_true(totals_of(sp_thread_kernel_id()).weight_ns >= 5 * MS);
}

TEST(test_what_the_time_was_spent_on_is_in_the_stack) {
    start(MS, false);
    burn_until_sampled(3);
    spprof_cpu_stop();
    spprof_cpu_sample sample;
    spprof_stack stack;
    assert_true(spprof_cpu_copy(&sample, 1) >= 1);
    assert_true(spprof_stack_get(sample.stack, &stack));
    assert_false(stack.truncated);
    bool found = false;
    for (uint32_t i = 0; i < stack.count; i++)
        found |=
            stack.frames[i] > (uintptr_t)burn_until_sampled && stack.frames[i] < (uintptr_t)burn_until_sampled + 256;
    assert_true(found);
}

TEST(test_in_wall_mode_a_sleeping_thread_is_sampled) {
    start(MS, true);
    uint64_t begin = sp_clock_monotonic_ns();
    uint64_t passed = 0;
    totals own = {0};
    while (own.samples < 20 || own.weight_ns + 50 * MS < passed * 9 / 10) { /* may be late once, after a long pause */
        sp_thread_pause();
        passed = sp_clock_monotonic_ns() - begin;
        own = totals_of(sp_thread_kernel_id());
    }
    spprof_cpu_stop();
    own = totals_of(sp_thread_kernel_id());
    assert_true(own.weight_ns <= stats().end_ns - stats().start_ns);
}

/* ---- Threads ---- */

static _Atomic uint32_t worker_ids[16];
static pthread_barrier_t barrier;

/* Check that covered and uncovered time add up to the time on the thread's clock since `begin`. */
static void check_own_weight(uint64_t begin_at_least, uint64_t begin_at_most) {
    uint64_t before = sp_clock_thread_cpu_ns(), uncovered;
    totals own;
    do { /* until no sample arrived between the two reads */
        own = totals_of(sp_thread_kernel_id());
        uncovered = thread_of(sp_thread_kernel_id()).uncovered_ns;
    } while (own.samples != totals_of(sp_thread_kernel_id()).samples);
    CHECK(own.weight_ns + uncovered >= before - begin_at_most);
    CHECK(own.weight_ns + uncovered <= sp_clock_thread_cpu_ns() - begin_at_least);
}

static void work_between_barriers(unsigned index, void *unused) {
    (void)unused;
    worker_ids[index] = sp_thread_kernel_id();
    burn(5 * MS);
    uint64_t before = sp_clock_thread_cpu_ns();
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    uint64_t after = sp_clock_thread_cpu_ns();
    burn_until_sampled(3);
    check_own_weight(before, after);
}

static void *start_in_the_middle(void *unused) {
    pthread_barrier_wait(&barrier);
    start(MS, false);
    pthread_barrier_wait(&barrier);
    return unused;
}

TEST(test_threads_that_were_there_before_are_sampled) {
    pthread_t starter;
    pthread_barrier_init(&barrier, NULL, 5);
    pthread_create(&starter, NULL, start_in_the_middle, NULL);
    run_threads(4, work_between_barriers, NULL);
    pthread_join(starter, NULL);
    assert_int_equal(spprof_cpu_stop(), SPPROF_CPU_OK);
}

static void work(unsigned index, void *unused) {
    (void)unused;
    worker_ids[index] = sp_thread_kernel_id();
    burn_until_sampled(3);
}

static bool is_told_what_it_used(uint32_t thread_id) {
    uint64_t before = sp_clock_thread_cpu_ns();
    uint64_t told = totals_of(thread_id).weight_ns + thread_of(thread_id).uncovered_ns;
    return told >= before && told <= sp_clock_thread_cpu_ns();
}

/* While a thread is young, its time is estimated. Its first samples of its own correct the estimate. */
static void work_long(unsigned index, void *unused) {
    (void)unused;
    worker_ids[index] = sp_thread_kernel_id();
    burn_until_sampled(3);
    while (!is_told_what_it_used(sp_thread_kernel_id())) burn(MS);
}

TEST(test_threads_that_start_later_are_sampled_from_their_birth_on) {
    start(MS, false);
    burn(50 * MS); /* the process's total time limits the threads' estimates */
    run_threads(4, work_long, NULL);
    spprof_cpu_stop();
    for (unsigned i = 0; i < 4; i++) assert_true(totals_of(worker_ids[i]).samples >= 3);
    assert_true(stats().threads >= 5);
}

/* ---- Threads that end before their timer expires ---- */

static __attribute__((noinline)) void burn_shortly(void) {
    burn(MS);
}

static _Atomic uint64_t shortly_ns;

static void work_shortly(unsigned index, void *unused) {
    (void)index, (void)unused;
    burn_shortly();
    atomic_fetch_add(&shortly_ns, sp_clock_thread_cpu_ns());
}

static uint64_t weight_without(uint32_t thread_id) {
    size_t count = spprof_cpu_copy(NULL, 0);
    spprof_cpu_sample *samples = calloc(count + 1, sizeof *samples);
    uint64_t weight_ns = 0;
    count = spprof_cpu_copy(samples, count);
    for (size_t i = 0; i < count; i++) weight_ns += samples[i].thread_id != thread_id ? samples[i].weight_ns : 0;
    free(samples);
    return weight_ns;
}

/* A thousand threads of 1 ms, at an interval of 10 ms: a hundred points are expected to fall on them, and fewer than
 * 30 do only once in 10^19. Points from before the kernel looked count when it next looks. */
TEST(test_threads_that_are_too_short_for_a_tick_of_their_own_are_sampled) {
    if (!sp_tick_comes_to_running_thread()) return;
    start(10 * MS, false);
    for (int i = 0; i < 1000; i++) run_threads(1, work_shortly, NULL);
    spprof_cpu_stop();
    uint64_t told = weight_without(sp_thread_kernel_id());
    assert_true(told >= atomic_load(&shortly_ns) * 3 / 10);
    assert_true(told + totals_of(sp_thread_kernel_id()).weight_ns <= stats().process_ns);
}

/* The test, not the kernel, chooses the thread: the tick arrives on a thread that is sleeping. */
static void *sleep_till_the_end(void *unused) {
    sigset_t none, unblocked;
    sigfillset(&none);
    sigemptyset(&unblocked);
    pthread_sigmask(SIG_SETMASK, &unblocked, &none);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return unused;
}

TEST(test_a_tick_that_wakes_a_sleeping_thread_is_no_sample_of_it) {
    if (!sp_tick_comes_to_running_thread()) return;
    pthread_t sleeper;
    sigset_t all;
    sigfillset(&all);
    pthread_barrier_init(&barrier, NULL, 2);
    start(MS, false);
    pthread_sigmask(SIG_BLOCK, &all, NULL); /* so that the sleeping thread gets the process's signals */
    pthread_create(&sleeper, NULL, sleep_till_the_end, NULL);
    pthread_barrier_wait(&barrier);
    burn(300 * MS);
    assert_int_equal(weight_without(sp_thread_kernel_id()), 0);
    pthread_barrier_wait(&barrier);
    pthread_join(sleeper, NULL);
    spprof_cpu_stop();
}

/* The weights claim ten times the time used, but the total stays at the time that the process used. */
TEST(test_estimates_are_no_more_than_the_process_used) {
    start(SELDOM, false);
    burn(20 * MS);
    run_threads(1, work_shortly, NULL);
    spprof_cpu_stop();
    uint64_t frame = 1, known_ns = thread_of(sp_thread_kernel_id()).uncovered_ns;
    sp_stack_key key = {.frames = &frame, .count = 1};
    for (uint32_t i = 1; i <= 10; i++) {
        sp_stack_record *stack = sp_stack_table_intern(&sp_the_profiler.stacks, &key);
        spprof_cpu_sample sample = {.weight_ns = i * 20 * MS, .thread_id = 7 | SP_LOG_ESTIMATED};
        sp_log_append(&sample, stack);
        sp_cpu_count_sample(&sample);
        sp_stack_release(stack);
    }
    uint64_t told = totals_of(7).weight_ns;
    assert_int_equal(totals_of(7).samples, 10);
    assert_in_range(told + known_ns, stats().process_ns - MS, stats().process_ns + MS);
}

static unsigned with_timer(void) {
    spprof_cpu_thread threads[128];
    size_t count = spprof_cpu_threads(threads, 128);
    unsigned found = 0;
    for (size_t i = 0; i < count && i < 128; i++) {
        int number;
        uint64_t cookie;
        found += spprof_cpu_tick_of(threads[i].thread_id, &number, &cookie);
    }
    return found;
}

TEST(test_threads_that_ended_give_their_timers_back) {
    start(MS, false);
    for (int i = 0; i < 10; i++) run_threads(4, work, NULL);
    while (with_timer() > 1) burn(MS);
    assert_int_equal(spprof_cpu_threads(NULL, 0), 41);
}

static void work_blocked(unsigned index, void *unused) {
    (void)unused;
    worker_ids[index] = sp_thread_kernel_id();
    burn(60 * MS);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
}

static void *look_at_the_blocked(void *unused) {
    pthread_barrier_wait(&barrier);
    for (unsigned i = 0; i < 2; i++) {
        while (thread_of(worker_ids[i]).thread_id == 0) burn(MS); /* not seen yet */
        spprof_cpu_thread thread = thread_of(worker_ids[i]);
        CHECK(thread.blocked);
        CHECK(thread.samples == 0);
    }
    pthread_barrier_wait(&barrier);
    return unused;
}

TEST(test_threads_that_block_the_signal_are_known_as_such) {
    pthread_t looker;
    pthread_barrier_init(&barrier, NULL, 3);
    start(MS, false);
    pthread_create(&looker, NULL, look_at_the_blocked, NULL);
    burn(10 * MS);
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL); /* new threads inherit this mask from birth */
    run_threads(2, work_blocked, NULL);
    pthread_join(looker, NULL);
    spprof_cpu_stop();
}

/* ---- Forks ---- */

static void profile_in_child(void *unused) {
    (void)unused;
    CHECK(spprof_cpu_is_active());
    CHECK(stats().weight_ns <= sp_clock_process_cpu_ns()); /* contains nothing of the parent's */
    while (totals_of(sp_thread_kernel_id()).samples < 3) burn(MS);
    CHECK(spprof_cpu_stop() == SPPROF_CPU_OK);
    CHECK(stats().threads == 1);
    CHECK(stats().process_ns >= stats().weight_ns);
}

TEST(test_a_forked_child_goes_on_with_an_empty_session) {
    start(MS, false);
    burn(20 * MS);
    uint64_t before = stats().samples;
    run_in_child(profile_in_child, NULL);
    assert_true(spprof_cpu_is_active());
    assert_true(stats().samples >= before);
    assert_int_equal(spprof_cpu_stop(), SPPROF_CPU_OK);
}

static void fork_under_ticks(unsigned index, void *unused) {
    (void)index, (void)unused;
    for (int i = 0; i < 10; i++) {
        burn(2 * MS);
        run_in_child(profile_in_child, NULL);
    }
}

TEST(test_forks_from_threads_under_ticks) {
    start(MS, false);
    run_threads(4, fork_under_ticks, NULL);
    assert_int_equal(spprof_cpu_stop(), SPPROF_CPU_OK);
}

static void read_threads(void *unused) {
    (void)unused;
    CHECK(spprof_cpu_threads(NULL, 0) >= 1);
    CHECK(!spprof_cpu_is_active());
}

TEST(test_a_child_can_read_what_another_thread_was_reading) {
    start(SELDOM, false);
    spprof_cpu_stop();
    assert_true(sp_threads_try());
    run_in_child(read_threads, NULL);
}

/* ---- When the kernel refuses ---- */

TEST(test_without_timers_a_thread_gives_the_ticks) {
    refuse_system_call(SYS_timer_create);
    start(MS, false);
    assert_true(stats().by_thread);
    run_threads(4, work, NULL);
    burn_until_sampled(3);
    spprof_cpu_stop();
    assert_int_equal(stats().dropped[SPPROF_CPU_DROP_TIMER_REFUSED], 0);
}

TEST(test_without_a_timer_to_find_threads_by_a_thread_gives_the_ticks) {
    refuse_system_call_with(SYS_timer_create, CLOCK_PROCESS_CPUTIME_ID);
    start(MS, false);
    assert_true(stats().by_thread);
    run_threads(4, work, NULL);
    spprof_cpu_stop();
    assert_true(stats().threads >= 5);
}

static void find_nothing_active(void *unused) {
    (void)unused;
    CHECK(!spprof_cpu_is_active());
    CHECK(spprof_cpu_stop() == SPPROF_CPU_NOT_ACTIVE);
}

TEST(test_without_timers_a_child_is_not_sampled) {
    refuse_system_call(SYS_timer_create);
    start(MS, false);
    run_in_child(find_nothing_active, NULL);
    assert_int_equal(spprof_cpu_stop(), SPPROF_CPU_OK);
}

TEST(test_a_small_alternate_stack_is_left_alone) {
    static _Alignas(16) char alternate[8192];
    stack_t stack = {.ss_sp = alternate, .ss_size = 4096};
    start(SELDOM, false);
    int number;
    uint64_t cookie;
    assert_true(spprof_cpu_tick_of(sp_thread_kernel_id(), &number, &cookie));
    assert_int_equal(sigaltstack(&stack, NULL), 0);
    sp_tick_send(sp_thread_kernel_id(), cookie);
    assert_int_equal(stats().dropped[SPPROF_CPU_DROP_NO_STACK_ROOM], 1);
    stack.ss_size = sizeof alternate;
    assert_int_equal(sigaltstack(&stack, NULL), 0);
    sp_tick_send(sp_thread_kernel_id(), cookie);
    assert_int_equal(stats().samples + stats().dropped[SPPROF_CPU_DROP_NO_STACK_ROOM], 2);
}

/* ---- Concurrent starts and stops ---- */

static void start_and_stop(unsigned index, void *unused) {
    (void)unused;
    spprof_cpu_plan plan = {.interval_ns = MS, .native = true};
    for (int i = 0; i < 200; i++) {
        if (index == 0) {
            CHECK(spprof_cpu_start(&plan) == SPPROF_CPU_OK);
            burn(MS / 2);
            CHECK(spprof_cpu_stop() == SPPROF_CPU_OK);
        } else {
            burn(MS / 2);
        }
    }
}

TEST(test_sessions_begin_and_end_under_load) {
    run_threads(4, start_and_stop, NULL);
    assert_int_equal(stats().sessions, 200);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_before_the_first_start_there_is_nothing),
        cmocka_unit_test(test_starting_twice_and_stopping_twice_are_refused),
        cmocka_unit_test(test_a_new_session_begins_empty_and_the_last_stays_readable_till_then),
        cmocka_unit_test(test_starting_and_stopping_leave_errno_alone),
        cmocka_unit_test(test_a_signal_that_comes_after_the_end_does_nothing),
        cmocka_unit_test(test_a_handler_in_the_place_of_ours_is_told_and_the_next_session_has_another_signal),
        cmocka_unit_test(test_a_tick_that_no_timer_sent_is_no_sample),
        cmocka_unit_test(test_a_session_whose_every_stack_is_torn_gives_up_and_the_next_tries_again),
        cmocka_unit_test(test_a_session_that_reads_one_stack_of_many_goes_on),
        cmocka_unit_test(test_weights_add_up_to_the_threads_cpu_time),
        cmocka_unit_test(test_what_is_used_after_the_end_is_not_the_sessions),
        cmocka_unit_test(test_a_dropped_sample_loses_no_time),
        cmocka_unit_test(test_what_the_time_was_spent_on_is_in_the_stack),
        cmocka_unit_test(test_in_wall_mode_a_sleeping_thread_is_sampled),
        cmocka_unit_test(test_threads_that_were_there_before_are_sampled),
        cmocka_unit_test(test_threads_that_start_later_are_sampled_from_their_birth_on),
        cmocka_unit_test(test_threads_that_are_too_short_for_a_tick_of_their_own_are_sampled),
        cmocka_unit_test(test_a_tick_that_wakes_a_sleeping_thread_is_no_sample_of_it),
        cmocka_unit_test(test_estimates_are_no_more_than_the_process_used),
        cmocka_unit_test(test_threads_that_ended_give_their_timers_back),
        cmocka_unit_test(test_threads_that_block_the_signal_are_known_as_such),
        cmocka_unit_test(test_a_forked_child_goes_on_with_an_empty_session),
        cmocka_unit_test(test_forks_from_threads_under_ticks),
        cmocka_unit_test(test_a_child_can_read_what_another_thread_was_reading),
        cmocka_unit_test(test_without_timers_a_thread_gives_the_ticks),
        cmocka_unit_test(test_without_a_timer_to_find_threads_by_a_thread_gives_the_ticks),
        cmocka_unit_test(test_without_timers_a_child_is_not_sampled),
        cmocka_unit_test(test_a_small_alternate_stack_is_left_alone),
        cmocka_unit_test(test_sessions_begin_and_end_under_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
