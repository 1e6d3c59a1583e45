/* The engine, called through its public functions with addresses that are only names. */
#include "fake_hook.h"
#include "spprof.h"
#include "support.h"

#include <errno.h>
#include <unistd.h>

/* ---- Allocating and freeing ---- */

TEST(test_every_allocation_is_counted_with_its_size_until_it_is_freed) {
    start(0);
    for (uintptr_t n = 0; n < 1000; n++) assert_ptr_equal(allocate(n, n), at(n));
    assert_live(1000, 999 * 1000 / 2);
    for (uintptr_t n = 0; n < 1000; n += 2) release(n);
    assert_live(500, 250000);
    for (uintptr_t n = 1; n < 1000; n += 2) release(n);
    assert_live(0, 0);
    assert_int_equal(stats().total_samples, 1000);
    assert_int_equal(stats().peak_bytes, BYTES(999 * 1000 / 2));
}

TEST(test_a_sample_tells_when_where_and_what) {
    start(0);
    uint64_t before = stats().last_serial;
    allocate(1, 100);
    allocate(2, 200);
    spprof_sample first = live_sample(1), second = live_sample(2);
    assert_int_equal(first.size, 100);
    assert_int_equal(first.rate, 0);
    assert_int_equal(first.serial, before + 1);
    assert_int_equal(second.serial, before + 2);
    assert_true(first.time_ns != 0 && first.time_ns <= second.time_ns);
    assert_int_equal(first.thread_id, getpid());
    spprof_stack stack;
    assert_true(spprof_stack_get(first.stack_id, &stack));
    assert_int_equal(stack.count, 0); /* no walker */
}

TEST(test_what_was_allocated_before_the_start_or_after_a_stop_is_not_sampled) {
    allocate(1, 100);
    start(0);
    allocate(2, 200);
    assert_int_equal(spprof_stop(), SPPROF_OK);
    allocate(3, 300);
    assert_live(1, 200);
    release(1);
    release(3);
    assert_live(1, 200);
    release(2); /* frees are still followed after a stop */
    assert_live(0, 0);
}

TEST(test_a_failed_allocation_is_no_sample) {
    start(0);
    fail_to_allocate(100);
    fail_to_allocate(PTRDIFF_MAX);
    fail_to_allocate(SIZE_MAX);
    assert_int_equal(stats().total_samples, 0);
    allocate(1, 7);
    assert_live(1, 7);
}

TEST(test_a_missed_free_replaces_the_sample_and_is_counted) {
    start(0);
    allocate(1, 100);
    allocate(1, 30);
    assert_live(1, 30);
    assert_int_equal(stats().missed_frees, 1);
    assert_int_equal(stats().freed_samples, 1);
    assert_int_equal(stats().peak_bytes, BYTES(100)); /* the two blocks were never live at the same time */
}

TEST(test_the_peak_is_the_highest_that_was_live) {
    start(0);
    allocate(1, 1000);
    allocate(2, 500);
    release(1);
    allocate(3, 700);
    assert_int_equal(stats().peak_bytes, BYTES(1500));
    allocate(4, 301);
    assert_int_equal(stats().peak_bytes, BYTES(1501));
    release(4);
    reallocate(at(2), 5000, at(2));
    assert_int_equal(stats().peak_bytes, BYTES(5700));
}

TEST(test_a_foreign_address_is_forgotten_without_harm) {
    start(0);
    allocate(1, 10);
    spprof_forget(at(2));
    spprof_forget(NULL);
    assert_live(1, 10);
    release(1);
    spprof_forget(at(1));
    assert_live(0, 0);
}

TEST(test_sites_sum_what_their_stacks_allocated_and_freed) {
    start(0);
    allocate(1, 100);
    allocate(2, 50);
    release(1);
    spprof_site site;
    assert_true(spprof_site_get(live_sample(2).stack_id, &site));
    assert_int_equal(site.allocated.samples, 2);
    assert_int_equal(site.live.samples, 1);
    assert_int_equal(site.allocated.bytes, BYTES(150));
    assert_int_equal(site.live.bytes, BYTES(50));
    assert_int_equal(site.allocated.objects, OBJECTS(2));
    assert_int_equal(site.live.objects, OBJECTS(1));
    assert_false(spprof_site_get(999, &site));
    assert_false(spprof_site_get(0, &site));
}

/* ---- Reallocations ---- */

TEST(test_a_realloc_ends_the_old_sample_and_begins_a_new_one) {
    start(0);
    allocate(1, 100);
    assert_ptr_equal(reallocate(at(1), 250, at(2)), at(2));
    assert_live(1, 250);
    assert_ptr_equal(reallocate(at(2), 50, at(2)), at(2));
    assert_live(1, 50);
    assert_int_equal(stats().total_samples, 3);
    assert_int_equal(stats().missed_frees, 0);
}

TEST(test_a_realloc_of_nothing_is_an_allocation) {
    start(0);
    reallocate(NULL, 40, at(1));
    assert_live(1, 40);
}

TEST(test_a_failed_realloc_leaves_the_old_sample_as_it_was) {
    start(0);
    allocate(1, 100);
    spprof_sample before = live_sample(1);
    assert_null(reallocate(at(1), 1 << 30, NULL));
    assert_null(reallocate(at(1), SIZE_MAX, NULL));
    assert_live(1, 100);
    spprof_sample after = live_sample(1);
    assert_memory_equal(&before, &after, sizeof before);
    assert_int_equal(stats().total_samples, 1);
    assert_int_equal(stats().peak_bytes, BYTES(100));
}

TEST(test_a_realloc_to_nothing_frees_whether_it_returns_null_or_a_block) {
    start(0);
    allocate(1, 100);
    assert_null(reallocate(at(1), 0, NULL));
    assert_live(0, 0);
    allocate(2, 100);
    reallocate(at(2), 0, at(3)); /* other allocators return an empty block */
    assert_live(1, 0);
}

/* While the old block is detached, its address may go to another thread. */
TEST(test_a_realloc_detaches_the_old_address_before_it_can_be_reused) {
    start(0);
    allocate(1, 100);
    spprof_ticket ticket;
    assert_false(spprof_passes(200));
    spprof_begin_realloc(&ticket, at(1), 200, true);
    assert_int_equal(spprof_copy_live(NULL, 0), 0);
    assert_false(spprof_may_be_live(at(1)));
    assert_int_equal(stats().live_samples, 1);
    spprof_end(&ticket, at(2));
    assert_live(1, 200);
}

TEST(test_a_sample_moved_after_stop_ends) {
    start(0);
    allocate(1, 100);
    spprof_stop();
    reallocate(at(1), 200, at(2));
    assert_live(0, 0);
    start(0);
    allocate(1, 100);
    spprof_stop();
    reallocate(at(1), 200, NULL);
    assert_live(1, 100);
}

/* ---- Sampling intervals ---- */

TEST(test_samples_carry_the_rate_of_their_start_and_weigh_by_it) {
    const uint64_t seed = 1;
    assert_int_equal(spprof_start(1000, &seed), SPPROF_OK);
    allocate(1, 100000);
    spprof_stop();
    assert_int_equal(spprof_start(50, &seed), SPPROF_OK);
    allocate(2, 100000);
    assert_int_equal(live_sample(1).rate, 1000);
    assert_int_equal(live_sample(2).rate, 50);
    assert_int_equal(stats().rate, 50);
    assert_int_equal(stats().epochs, 2);
    assert_int_equal(stats().live_bytes, spprof_weigh(100000, 1000).bytes + spprof_weigh(100000, 50).bytes);
    release(1);
    release(2);
    assert_int_equal(stats().live_bytes, 0);
    assert_int_equal(stats().live_objects, 0);
}

static uint64_t serials_after(uint64_t seed, uint64_t *where, int count) {
    assert_int_equal(spprof_start(4096, &seed), SPPROF_OK);
    uint64_t hash = 0, before = stats().last_serial;
    for (int n = 0; n < count; n++) {
        allocate((uintptr_t)n, 64 + (size_t)n % 100);
        if (stats().last_serial != before) hash = hash * 31 + (uint64_t)n;
        before = stats().last_serial;
        release((uintptr_t)n);
    }
    *where = hash;
    spprof_stop();
    return hash;
}

TEST(test_a_seeded_start_samples_the_same_allocations_again) {
    uint64_t first, second, other;
    serials_after(5, &first, 20000);
    serials_after(6, &other, 20000);
    serials_after(5, &second, 20000);
    assert_true(first == second);
    assert_true(first != other);
    assert_live(0, 0);
}

TEST(test_the_number_of_samples_is_that_of_the_rate) {
    enum { COUNT = 400000, SIZE = 100, RATE = 2000 };
    const uint64_t seed = 9;
    assert_int_equal(spprof_start(RATE, &seed), SPPROF_OK);
    for (uintptr_t n = 0; n < COUNT; n++) {
        allocate(1, SIZE);
        release(1);
    }
    double p = -__builtin_expm1(-(double)SIZE / RATE);
    double expected = COUNT * p, sigma = __builtin_sqrt(COUNT * p * (1 - p));
    assert_true(__builtin_fabs((double)stats().total_samples - expected) < 4 * sigma);
    assert_int_equal(stats().live_samples, 0);
    assert_int_equal(stats().live_bytes, 0);
}

/* ---- errno ---- */

TEST(test_errno_stays_as_the_allocator_left_it) {
    start(0);
    errno = 123;
    allocate(1, 100);
    assert_int_equal(errno, 123);
    spprof_ticket ticket;
    (void)spprof_passes(10);
    spprof_begin(&ticket, 10);
    assert_int_equal(errno, 123);
    errno = ENOMEM;
    spprof_end(&ticket, NULL);
    assert_int_equal(errno, ENOMEM);
    errno = 123;
    reallocate(at(1), 200, at(2));
    assert_int_equal(errno, 123);
    reallocate(at(2), 300, NULL);
    assert_int_equal(errno, 123);
    release(2);
    assert_int_equal(errno, 123);
    spprof_copy_live(NULL, 0);
    assert_int_equal(errno, 123);
}

static size_t walker_that_spoils_errno(uint64_t *frames, size_t capacity, bool *depth_limited) {
    (void)frames, (void)capacity, (void)depth_limited;
    errno = EIO;
    return 0;
}

TEST(test_errno_outlives_a_walker_that_changes_it) {
    spprof_set_walker(walker_that_spoils_errno);
    start(0);
    errno = 123;
    allocate(1, 100);
    assert_int_equal(errno, 123);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation_is_counted_with_its_size_until_it_is_freed),
        cmocka_unit_test(test_a_sample_tells_when_where_and_what),
        cmocka_unit_test(test_what_was_allocated_before_the_start_or_after_a_stop_is_not_sampled),
        cmocka_unit_test(test_a_failed_allocation_is_no_sample),
        cmocka_unit_test(test_a_missed_free_replaces_the_sample_and_is_counted),
        cmocka_unit_test(test_the_peak_is_the_highest_that_was_live),
        cmocka_unit_test(test_a_foreign_address_is_forgotten_without_harm),
        cmocka_unit_test(test_sites_sum_what_their_stacks_allocated_and_freed),
        cmocka_unit_test(test_a_realloc_ends_the_old_sample_and_begins_a_new_one),
        cmocka_unit_test(test_a_realloc_of_nothing_is_an_allocation),
        cmocka_unit_test(test_a_failed_realloc_leaves_the_old_sample_as_it_was),
        cmocka_unit_test(test_a_realloc_to_nothing_frees_whether_it_returns_null_or_a_block),
        cmocka_unit_test(test_a_realloc_detaches_the_old_address_before_it_can_be_reused),
        cmocka_unit_test(test_a_sample_moved_after_stop_ends),
        cmocka_unit_test(test_samples_carry_the_rate_of_their_start_and_weigh_by_it),
        cmocka_unit_test(test_a_seeded_start_samples_the_same_allocations_again),
        cmocka_unit_test(test_the_number_of_samples_is_that_of_the_rate),
        cmocka_unit_test(test_errno_stays_as_the_allocator_left_it),
        cmocka_unit_test(test_errno_outlives_a_walker_that_changes_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
