/* The table of sampled threads, compared with a naive model: a list of ids. */
#include "clock.h"
#include "cpu.h"
#include "profiler.h"
#include "support.h"
#include "thread.h"
#include "threads.h"

#include <math.h>
#include <stdlib.h>

/* Start without timers, so that ids need not belong to real threads. */
static void begin(const char *capacity) {
    setenv("SPPROF_CPU_THREADS_MAX", capacity, 1);
    assert_true(sp_profiler_create());
    sp_threads_plan plan = {.session = 1, .interval_ns = 1000000};
    assert_true(sp_threads_begin(&plan));
}

static uint64_t drops(spprof_cpu_drop_reason reason) {
    return atomic_load(&sp_the_cpu.dropped[reason]);
}

static unsigned live_with(uint32_t id) {
    unsigned count = 0;
    for (uint32_t place = 0; place < sp_threads_live(); place++)
        count += atomic_load(&sp_threads_live_at(place)->thread_id) == id;
    return count;
}

/* Sanitizers may add threads of their own. */
static uint32_t there(void) {
    return sp_tasks_count();
}

TEST(test_listing_finds_the_threads_that_are_there_and_ends_the_others) {
    begin("100");
    assert_true(sp_threads_add(0x1EFFFFFE, 0, false));
    assert_true(sp_threads_add(0x1EFFFFFF, 0, false));
    assert_int_equal(sp_threads_live(), 2);
    assert_true(sp_threads_list(UINT64_MAX));
    assert_int_equal(sp_threads_live(), there());
    assert_int_equal(live_with(sp_thread_kernel_id()), 1);
    assert_false(sp_threads_list(UINT64_MAX));
    assert_int_equal(sp_threads_met(), there() + 2);
}

TEST(test_a_thread_that_was_there_begins_with_what_its_clock_shows) {
    begin("100");
    for (volatile int i = 0; i < 5000000; i++) {
    }
    sp_threads_list(UINT64_MAX);
    assert_true(atomic_load(&sp_threads_live_at(0)->covered_ns) > 0);
}

TEST(test_a_thread_that_was_born_since_begins_with_nothing) {
    begin("100");
    sp_threads_list(0);
    assert_int_equal(atomic_load(&sp_threads_live_at(0)->covered_ns), 0);
}

TEST(test_slots_of_ended_threads_without_samples_are_used_again) {
    begin("100");
    for (uint32_t id = 1; id <= 10000; id++) {
        assert_true(sp_threads_add(0x1F000000 + id, 0, false));
        if (id % 10 == 0) sp_threads_list(UINT64_MAX);
    }
    assert_true(sp_threads_used() <= 12);
    assert_int_equal(drops(SPPROF_CPU_DROP_THREADS_FULL), 0);
}

TEST(test_slots_of_ended_threads_with_samples_are_kept_till_there_is_no_other) {
    begin("8");
    sp_threads_list(UINT64_MAX); /* these have the first slots */
    uint32_t first = there();
    for (uint32_t number = first; number < 8; number++) {
        assert_true(sp_threads_add(0x1F000000 + number, 0, false));
        atomic_store(&sp_threads_slot(number)->samples, 1);
    }
    sp_threads_list(UINT64_MAX);
    assert_int_equal(sp_threads_live(), first);
    assert_int_equal(atomic_load(&sp_threads_slot(first + 2)->thread_id), 0x1F000000 + first + 2);
    for (uint32_t number = first; number < 8; number++) assert_true(sp_threads_add(0x1F000010 + number, 0, false));
    assert_false(sp_threads_add(0x1F000020, 0, false));
    assert_int_equal(drops(SPPROF_CPU_DROP_THREADS_FULL), 1);
    assert_int_equal(sp_threads_live(), 8);
    assert_int_equal(live_with(sp_thread_kernel_id()), 1);
}

TEST(test_many_threads_come_and_go_as_in_a_list) {
    begin("1000");
    enum { IDS = 3000 };
    static bool is_there[IDS];
    uint64_t random = 20261126;
    for (int round = 0; round < 50; round++) {
        for (int n = 0; n < 15; n++) {
            uint32_t id = (uint32_t)random_below(&random, IDS);
            if (is_there[id]) continue;
            assert_true(sp_threads_add(0x1F000000 + id, 0, false));
            is_there[id] = true;
        }
        for (uint32_t id = 0; id < IDS; id++) assert_int_equal(live_with(0x1F000000 + id), is_there[id]);
        if (round % 7 != 6) continue;
        sp_threads_list(UINT64_MAX);
        for (uint32_t id = 0; id < IDS; id++) is_there[id] = false;
        assert_int_equal(sp_threads_live(), there());
    }
}

TEST(test_a_thread_that_adds_itself_twice_is_there_once) {
    begin("10");
    sp_threads_add_self(5, false);
    sp_threads_add_self(5, false);
    assert_int_equal(sp_threads_live(), 1);
    assert_int_equal(spprof_this_thread.cpu_session, 1);
}

TEST(test_one_at_a_time_is_in_the_table) {
    begin("10");
    assert_false(sp_threads_try());
    sp_threads_leave();
    assert_true(sp_threads_try());
    assert_false(sp_threads_try());
}

/* ---- Young threads ---- */

#define MS UINT64_C(1000000)
#define INTERVAL (10 * MS)
#define GROWN_UP (200 * MS)
#define KERNEL_TICK (4 * MS)

static void begin_young(void) {
    begin("100000");
    sp_threads_plan plan = {.session = 1, .interval_ns = INTERVAL};
    assert_true(sp_threads_begin(&plan));
    atomic_store(&sp_the_cpu.estimates, true);
    assert_int_equal(sp_threads_grown_up_ns(), GROWN_UP);
}

TEST(test_where_ticks_of_the_process_are_no_samples_no_thread_is_young) {
    begin_young();
    atomic_store(&sp_the_cpu.estimates, false);
    assert_int_equal(sp_threads_grown_up_ns(), 0);
    sp_threads_list(0);
    for (uint32_t place = 0; place < sp_threads_live(); place++) assert_false(sp_threads_live_at(place)->young);
}

TEST(test_threads_of_before_the_start_are_not_young_and_those_that_were_born_since_are_till_they_have_worked) {
    begin_young();
    sp_threads_list(UINT64_MAX);
    assert_false(sp_threads_self()->young);
    sp_threads_begin(&(sp_threads_plan){.session = 1, .interval_ns = INTERVAL});
    uint64_t long_ago_ns = sp_clock_process_cpu_ns() - 1000000 * MS;
    sp_threads_list(long_ago_ns);
    assert_true(sp_threads_self()->young);
    assert_int_equal(atomic_load(&sp_threads_self()->covered_ns), 0);
    while (sp_clock_thread_cpu_ns() < GROWN_UP) {
    }
    sp_threads_list(long_ago_ns);
    assert_false(sp_threads_self()->young);
}

TEST(test_the_first_own_sample_makes_up_for_what_estimates_were_off) {
    begin_young();
    assert_true(sp_threads_add(0x1F000001, 0, true));
    sp_thread_slot *slot = sp_threads_live_at(0);
    sp_threads_cover_more(slot, 150 * MS);
    sp_threads_cover_more(slot, 60 * MS);
    assert_false(sp_threads_is_beyond_estimates(slot, 205 * MS));
    assert_true(sp_threads_is_beyond_estimates(slot, 212 * MS));
    assert_int_equal(sp_threads_cover(slot, 212 * MS), 2 * MS);
    assert_int_equal(sp_threads_cover(slot, 222 * MS), 10 * MS);
}

TEST(test_a_thread_that_has_the_id_of_a_young_one_that_ended_is_told_only_its_own) {
    begin_young();
    sp_threads_add_self(0, true);
    sp_threads_cover_more(sp_threads_self(), 1000 * MS);
    sp_threads_add_self(3, true);
    assert_int_equal(atomic_load(&sp_threads_self()->covered_ns), 3);
    assert_true(sp_threads_self()->young);
    assert_int_equal(sp_threads_live(), 1);
}

/* ---- Whether the sums are right: docs/sampling.md ---- */

static double uniform(uint64_t *random) {
    return (double)((next_random(random) >> 11) + 1) * 0x1p-53;
}

/* A simulated program that ran one thread after another, and the time reported for it. The kernel looks at each
 * thread at a random phase. */
typedef struct machine {
    uint64_t random, process_ns, next_point_ns, pool;
    double told[2]; /* reported for the first half of each thread's life, and for the second */
} machine;

static uint64_t take_due(machine *on, uint64_t process_ns) {
    uint64_t due = 0;
    for (uint64_t i = 0; i < on->pool; i++) due += random_below(&on->random, 4) == 0;
    on->pool -= due;
    for (; on->next_point_ns <= process_ns; on->pool++)
        on->next_point_ns += (uint64_t)(-log(uniform(&on->random)) * INTERVAL);
    return due * INTERVAL;
}

/* Simulate a tick of the process's timer and, for a grown-up thread, one of its own. Return the weight of the
 * samples. */
static uint64_t look(machine *on, sp_thread_slot *slot, uint64_t now_ns, uint64_t *own_next_ns) {
    uint64_t due_ns = take_due(on, on->process_ns + now_ns);
    if (slot->young && due_ns > 0 && now_ns >= GROWN_UP) {
        sp_threads_grow_up(slot);
        *own_next_ns = now_ns + (uint64_t)(uniform(&on->random) * INTERVAL);
    } else if (slot->young) {
        sp_threads_cover_more(slot, due_ns);
        return due_ns;
    }
    if (slot->young || now_ns < *own_next_ns) return 0;
    while (*own_next_ns <= now_ns) *own_next_ns += INTERVAL;
    return sp_threads_is_beyond_estimates(slot, now_ns) ? sp_threads_cover(slot, now_ns) : 0;
}

static void live(machine *on, uint64_t life_ns) {
    uint64_t own_next_ns = 0, now_ns = (uint64_t)(uniform(&on->random) * KERNEL_TICK);
    assert_true(sp_threads_add(0x1F000000 + (uint32_t)random_below(&on->random, 10000000), 0, true));
    sp_thread_slot *slot = sp_threads_live_at(sp_threads_live() - 1);
    for (; now_ns < life_ns; now_ns += KERNEL_TICK)
        on->told[now_ns >= life_ns / 2] += (double)look(on, slot, now_ns, &own_next_ns);
    on->process_ns += life_ns;
    if (sp_threads_live() >= 64) sp_threads_list(UINT64_MAX);
}

/* There are 40,000 points in 400 s, so each half has a standard error of 0.35 %, which is the same in each run.
 * `late`: how much time a thread's own samples, which also represent the time before them, may move into the second
 * half. */
static void check_that_halves_are_told(uint64_t shortest_ns, uint64_t longest_ns, double late) {
    machine on = {.random = 20261129};
    begin_young();
    while (on.process_ns < 400000 * MS) live(&on, shortest_ns + random_below(&on.random, longest_ns - shortest_ns + 1));
    double first = on.told[0] / (double)on.process_ns, second = on.told[1] / (double)on.process_ns;
    print_message("# threads of %.0f to %.0f ms: halves are reported as %.4f and %.4f\n", (double)shortest_ns / MS,
                  (double)longest_ns / MS, first, second);
    assert_true(fabs(first - 0.5) < 0.01 + late && fabs(second - 0.5) < 0.01 + late);
    assert_true(first + second < 1.02 && first + second > 0.98 - late);
}

TEST(test_estimates_add_up_to_what_threads_of_less_than_a_tick_did) {
    check_that_halves_are_told(1 * MS, 3 * MS, 0);
}

TEST(test_estimates_add_up_to_what_threads_of_an_interval_did) {
    check_that_halves_are_told(10 * MS, 10 * MS, 0);
}

TEST(test_estimates_add_up_to_what_threads_of_several_intervals_did) {
    check_that_halves_are_told(5 * MS, 60 * MS, 0);
}

TEST(test_estimates_and_own_samples_add_up_to_what_threads_of_many_intervals_did) {
    check_that_halves_are_told(250 * MS, 600 * MS, 0.03);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listing_finds_the_threads_that_are_there_and_ends_the_others),
        cmocka_unit_test(test_a_thread_that_was_there_begins_with_what_its_clock_shows),
        cmocka_unit_test(test_a_thread_that_was_born_since_begins_with_nothing),
        cmocka_unit_test(test_slots_of_ended_threads_without_samples_are_used_again),
        cmocka_unit_test(test_slots_of_ended_threads_with_samples_are_kept_till_there_is_no_other),
        cmocka_unit_test(test_many_threads_come_and_go_as_in_a_list),
        cmocka_unit_test(test_a_thread_that_adds_itself_twice_is_there_once),
        cmocka_unit_test(test_one_at_a_time_is_in_the_table),
        cmocka_unit_test(test_where_ticks_of_the_process_are_no_samples_no_thread_is_young),
        cmocka_unit_test(
            test_threads_of_before_the_start_are_not_young_and_those_that_were_born_since_are_till_they_have_worked),
        cmocka_unit_test(test_the_first_own_sample_makes_up_for_what_estimates_were_off),
        cmocka_unit_test(test_a_thread_that_has_the_id_of_a_young_one_that_ended_is_told_only_its_own),
        cmocka_unit_test(test_estimates_add_up_to_what_threads_of_less_than_a_tick_did),
        cmocka_unit_test(test_estimates_add_up_to_what_threads_of_an_interval_did),
        cmocka_unit_test(test_estimates_add_up_to_what_threads_of_several_intervals_did),
        cmocka_unit_test(test_estimates_and_own_samples_add_up_to_what_threads_of_many_intervals_did),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
