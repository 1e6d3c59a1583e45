/* The guard: allocations and frees by a thread inside the engine, or while it is paused. */
#include "fake_hook.h"
#include "pending.h"
#include "spprof.h"
#include "support.h"

#include <signal.h>

TEST(test_a_paused_thread_is_not_sampled) {
    start(0);
    spprof_pause();
    spprof_pause();
    allocate(1, 100);
    spprof_resume();
    allocate(2, 100);
    spprof_resume();
    allocate(3, 100);
    assert_live(1, 100);
}

static void allocate_five(unsigned thread, void *argument) {
    (void)argument;
    for (uintptr_t n = 0; n < 5; n++) allocate(100 + thread * 5 + n, 8);
}

TEST(test_pausing_is_of_one_thread) {
    start(0);
    spprof_pause();
    run_threads(2, allocate_five, NULL);
    spprof_resume();
    assert_live(10, 80);
}

static uintptr_t walked;

/* A walker's allocations are not sampled; otherwise the recursion would never end. */
static size_t walker_that_allocates(uint64_t *frames, size_t capacity, bool *depth_limited) {
    (void)frames, (void)capacity, (void)depth_limited;
    allocate(5000 + walked++, 64);
    return 0;
}

TEST(test_what_is_allocated_while_a_stack_is_taken_is_not_sampled) {
    spprof_set_walker(walker_that_allocates);
    start(0);
    for (uintptr_t n = 0; n < 10; n++) allocate(n, 10);
    assert_int_equal(walked, 10);
    assert_live(10, 100);
}

/* Between begin and end the thread is inside the engine, so an allocator that is built on another one counts once. */
TEST(test_a_nested_allocation_is_counted_once) {
    start(0);
    spprof_ticket outer;
    assert_false(spprof_passes(100));
    spprof_begin(&outer, 100);
    allocate(1, 100);
    spprof_end(&outer, at(1));
    assert_live(1, 100);
    assert_int_equal(stats().missed_frees, 0);
    allocate(2, 100);
    assert_live(2, 200);
}

/* A handler that interrupts the engine and frees a block cannot take the engine's locks: the engine's next call does
 * the work. */
TEST(test_a_free_inside_the_guard_is_done_by_the_next_call) {
    start(0);
    allocate(1, 100);
    allocate(2, 50);
    spprof_pause();
    release(1);
    spprof_resume();
    assert_live(2, 150);
    allocate(3, 7);
    assert_live(2, 57);
    spprof_pause();
    reallocate(at(2), 10, at(2)); /* counts as a free */
    spprof_resume();
    release(3);
    assert_live(0, 0);
}

/* The freed address is returned again before the list has been processed. */
TEST(test_a_pending_free_never_ends_the_next_sample_at_its_address) {
    start(0);
    allocate(1, 100);
    spprof_pause();
    release(1);
    spprof_resume();
    allocate(1, 30);
    assert_live(1, 30);
    assert_int_equal(stats().missed_frees, 0);
    spprof_forget(at(99));
    assert_live(1, 30);
}

TEST(test_too_many_pending_frees_are_counted) {
    start(0);
    for (uintptr_t n = 0; n < SP_PENDING_MAX + 5; n++) allocate(n, 10);
    spprof_pause();
    for (uintptr_t n = 0; n < SP_PENDING_MAX + 5; n++) release(n);
    spprof_resume();
    assert_dropped(SPPROF_DROP_PENDING_FREES_FULL, 5);
    spprof_forget(at(9999));
    assert_live(5, 50);
}

static void free_and_allocate_in_handler(int number) {
    (void)number;
    release(1);
    allocate(2, 64);
}

static size_t walker_that_is_interrupted(uint64_t *frames, size_t capacity, bool *depth_limited) {
    (void)frames, (void)capacity, (void)depth_limited;
    raise(SIGUSR1);
    return 0;
}

TEST(test_a_handler_that_interrupts_the_engine_frees_and_allocates_without_harm) {
    signal(SIGUSR1, free_and_allocate_in_handler);
    start(0);
    allocate(1, 100);
    spprof_set_walker(walker_that_is_interrupted);
    allocate(3, 10);
    assert_live(1, 10);
    assert_int_equal(stats().total_samples, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_paused_thread_is_not_sampled),
        cmocka_unit_test(test_pausing_is_of_one_thread),
        cmocka_unit_test(test_what_is_allocated_while_a_stack_is_taken_is_not_sampled),
        cmocka_unit_test(test_a_nested_allocation_is_counted_once),
        cmocka_unit_test(test_a_free_inside_the_guard_is_done_by_the_next_call),
        cmocka_unit_test(test_a_pending_free_never_ends_the_next_sample_at_its_address),
        cmocka_unit_test(test_too_many_pending_frees_are_counted),
        cmocka_unit_test(test_a_handler_that_interrupts_the_engine_frees_and_allocates_without_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
