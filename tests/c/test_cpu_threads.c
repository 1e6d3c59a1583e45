/* The table of threads that are sampled, beside a naive model: a list of ids. */
#include "cpu.h"
#include "profiler.h"
#include "support.h"
#include "thread.h"
#include "threads.h"

#include <stdlib.h>

/* Without timers, so that ids need not be threads'. */
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

/* Sanitizers may have threads of their own. */
static uint32_t there(void) {
    return sp_tasks_count();
}

TEST(test_listing_finds_the_threads_that_are_there_and_ends_the_others) {
    begin("100");
    assert_true(sp_threads_add(0x1EFFFFFE, 0));
    assert_true(sp_threads_add(0x1EFFFFFF, 0));
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
        assert_true(sp_threads_add(0x1F000000 + id, 0));
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
        assert_true(sp_threads_add(0x1F000000 + number, 0));
        atomic_store(&sp_threads_slot(number)->samples, 1);
    }
    sp_threads_list(UINT64_MAX);
    assert_int_equal(sp_threads_live(), first);
    assert_int_equal(atomic_load(&sp_threads_slot(first + 2)->thread_id), 0x1F000000 + first + 2);
    for (uint32_t number = first; number < 8; number++) assert_true(sp_threads_add(0x1F000010 + number, 0));
    assert_false(sp_threads_add(0x1F000020, 0));
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
            assert_true(sp_threads_add(0x1F000000 + id, 0));
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
    sp_threads_add_self(5);
    sp_threads_add_self(5);
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
