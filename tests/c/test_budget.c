/* A budget lengthens the interval while samples cost too much. Each sample keeps the interval that was in effect when
 * it was drawn.
 */
#include "budget.h"

#include "clock.h"
#include "fake_hook.h"
#include "profiler.h"

#define RATE 4096
#define SHARE 1000 /* a thousandth of a core: 1 ms per second */
#define SECOND UINT64_C(1000000000)

static int set_up(void **state) {
    (void)state;
    spprof_set_budget(SHARE);
    start(RATE);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    spprof_set_budget(0);
    return spprof_stop() != SPPROF_OK;
}

static uint32_t rate(void) {
    return stats().rate;
}

/* Charge the budget as if a part of a sample had taken this long. */
static void spend(uint64_t ns) {
    sp_budget_spend_since(sp_clock_monotonic_ns() - ns);
}

/* Spend until the interval grows. Other load on the machine only delays this. */
static uint32_t spend_too_much(void) {
    uint32_t before = rate();
    while (rate() == before) spend(90000);
    return rate();
}

TEST(test_the_next_rate_follows_what_was_spent) {
    static const struct {
        uint32_t rate;
        uint64_t spent, elapsed;
        uint32_t next;
    } cases[] = {
        {8192, 2000000, SECOND, 16383},   /* twice the budget */
        {8192, 1000000, SECOND, 8191},    /* exactly the budget */
        {65536, 100000, SECOND, 32768},   /* at least half of the previous one */
        {8192, 50000000, SECOND, 131072}, /* at most 16 times the previous one */
        {8192, 0, SECOND, RATE},          /* never less than the initial one */
        {RATE, 0, 10 * SECOND, RATE},     {SPPROF_RATE_MAX, 9000000, SECOND, SPPROF_RATE_MAX},
        {8192, 1000, 0, 131072}, /* no time has passed */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t next = sp_budget_next_rate(cases[i].rate, RATE, SHARE, cases[i].spent, cases[i].elapsed);
        assert_in_range(next, cases[i].next - 1, cases[i].next + 1);
    }
}

TEST(test_costly_samples_lengthen_the_interval_and_cheap_ones_give_it_back) {
    assert_int_equal(rate(), RATE);
    uint32_t longest = spend_too_much();
    assert_true(longest > RATE);
    assert_int_equal(stats().longest_rate, longest);
    for (int window = 0; window < 40; window++) { /* each window lasts at least 100 s, with almost nothing spent */
        atomic_store(&sp_the_budget.window_began_ns, sp_clock_monotonic_ns() - 100 * SECOND);
        spend(1);
    }
    assert_int_equal(rate(), RATE);
    assert_int_equal(stats().longest_rate, longest);
}

TEST(test_what_is_spent_is_told) {
    uint64_t before = stats().spent_ns;
    spend(50000);
    assert_true(stats().spent_ns >= before + 50000);
    spend(SECOND); /* the thread was preempted: a part costs at most 100 µs */
    assert_true(stats().spent_ns <= before + 200000);
    assert_int_equal(stats().budget_ppm, SHARE);
    uint64_t of_parts = stats().spent_ns;
    for (uintptr_t n = 0; n < 100; n++) allocate(n, UINT64_C(1) << 40);
    uint64_t of_samples = stats().spent_ns;
    assert_true(of_samples > of_parts);
    for (uintptr_t n = 0; n < 100; n++) release(n);
    assert_true(stats().spent_ns > of_samples);
}

TEST(test_a_sample_has_the_rate_its_countdown_was_drawn_under) {
    allocate(1, UINT64_C(1) << 40);
    assert_int_equal(live_sample(1).rate, RATE);
    uint32_t longer = spend_too_much();
    allocate(2, UINT64_C(1) << 40);
    assert_int_equal(live_sample(2).rate, RATE);
    allocate(3, UINT64_C(1) << 40);
    assert_int_equal(live_sample(3).rate, longer);
    for (uintptr_t n = 1; n <= 3; n++) release(n);
}

TEST(test_a_later_start_begins_with_its_own_rate_and_without_a_budget_keeps_it) {
    spend_too_much();
    assert_int_equal(spprof_stop(), SPPROF_OK);
    for (int i = 0; i < 100; i++) spend(90000); /* by a sample that is still in progress */
    spprof_set_budget(0);
    start(500);
    assert_int_equal(rate(), 500);
    assert_int_equal(sp_budget_begin(), 0);
    assert_int_equal(stats().budget_ppm, 0);
    assert_int_equal(spprof_stop(), SPPROF_OK);
    spprof_set_budget(SHARE);
    start(0);
    assert_int_equal(sp_budget_begin(), 0);
    assert_int_equal(stats().budget_ppm, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_next_rate_follows_what_was_spent),
        cmocka_unit_test_setup_teardown(test_costly_samples_lengthen_the_interval_and_cheap_ones_give_it_back, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_spent_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_sample_has_the_rate_its_countdown_was_drawn_under, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_later_start_begins_with_its_own_rate_and_without_a_budget_keeps_it,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
