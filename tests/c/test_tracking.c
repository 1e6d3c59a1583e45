/* The engine driven through its public functions, with addresses that are only names. */
#include "fake_tap.h"
#include "pending.h"
#include "spprof.h"
#include "support.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
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
    release(2); /* frees are followed after the stop */
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
    assert_int_equal(stats().peak_bytes, BYTES(100)); /* never alive together */
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
    assert_int_equal(site.samples, 2);
    assert_int_equal(site.freed_samples, 1);
    assert_int_equal(site.allocated_bytes, BYTES(150));
    assert_int_equal(site.freed_bytes, BYTES(100));
    assert_int_equal(site.allocated_objects, OBJECTS(2));
    assert_int_equal(site.freed_objects, OBJECTS(1));
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
    reallocate(at(2), 0, at(3)); /* other allocators give an empty block */
    assert_live(1, 0);
}

/* While the old block is detached its address may be given to another thread. */
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

/* ---- Rates ---- */

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

/* ---- Countdowns that must not wrap ---- */

static const size_t impossible[] = {PTRDIFF_MAX, (size_t)PTRDIFF_MAX + 1, SIZE_MAX, (size_t)1 << 62, (size_t)3 << 61};

/* Outside the slow path no countdown is negative: so none of these sizes can make it wrap. */
static void ask_for_the_impossible(void) {
    for (int i = 0; i < 200; i++) {
        fail_to_allocate(impossible[i * i % 5]);
        assert_true(spprof_this_thread.countdown >= 0);
        assert_null(reallocate(at(1), impossible[i % 5], NULL));
        assert_true(spprof_this_thread.countdown >= 0);
        if (impossible[i % 5] <= PTRDIFF_MAX && !spprof_passes(impossible[i % 5]) && spprof_note_begin(48))
            spprof_note_end();
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

static size_t walker_that_spoils_errno(uint64_t *frames, size_t capacity, bool *cut) {
    (void)frames, (void)capacity, (void)cut;
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

/* ---- The guard ---- */

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

/* What a walker allocates is not sampled: it would walk for ever. */
static size_t walker_that_allocates(uint64_t *frames, size_t capacity, bool *cut) {
    (void)frames, (void)capacity, (void)cut;
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

/* Between begin and end the thread is inside the engine: an allocator built over another is counted once. */
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

/* A handler that interrupts the engine and frees cannot take its locks: the next call of the engine does it. */
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

/* The freed address is handed out again before anyone looked at the list. */
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

static size_t walker_that_is_interrupted(uint64_t *frames, size_t capacity, bool *cut) {
    (void)frames, (void)capacity, (void)cut;
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

/* ---- Threads ---- */

#define THREADS 8
#define OWN 200
#define STEPS 30000

static _Atomic unsigned finished;
static _Atomic uint64_t allocations;

/* Each thread by the addresses of its own; every eighth block is freed by its neighbour. */
static void hammer(unsigned thread) {
    uint64_t seed = thread + 1, sizes[OWN] = {0};
    uintptr_t first = thread * OWN;
    for (int step = 0; step < STEPS; step++) {
        uint64_t i = random_below(&seed, OWN), size = 1 + random_below(&seed, 5000);
        if (sizes[i] && step % 3 == 0) {
            reallocate(at(first + i), size, at(first + i));
            sizes[i] = size;
        } else if (sizes[i]) {
            release(first + i);
            sizes[i] = 0;
            continue;
        } else {
            allocate(first + i, size);
            sizes[i] = size;
        }
        atomic_fetch_add(&allocations, 1);
    }
    for (uint64_t i = 0; i < OWN; i += 2) release(first + i);
    atomic_fetch_add(&finished, 1);
}

/* The relations that hold at every moment, whatever the others do. */
static void watch(void) {
    spprof_stats last = {0}, now;
    while (atomic_load(&finished) < THREADS) {
        spprof_get_stats(&now);
        CHECK(now.total_samples == now.live_samples + now.freed_samples);
        CHECK(now.live_samples <= now.total_samples);
        CHECK(now.total_samples >= last.total_samples && now.freed_samples >= last.freed_samples);
        CHECK(now.peak_bytes >= last.peak_bytes && now.last_serial >= last.last_serial);
        CHECK(now.live_bytes <= BYTES(5000) * THREADS * (OWN + 1));
        CHECK(spprof_copy_live(NULL, 0) <= THREADS * OWN);
        last = now;
    }
}

static void hammer_or_watch(unsigned thread, void *argument) {
    (void)argument;
    if (thread < THREADS)
        hammer(thread);
    else
        watch();
}

/* Threads that meet the same new stack at once may each add it. */
static spprof_site sum_of_sites(void) {
    spprof_site sum = {0}, site;
    for (uint32_t id = 1; id <= stats().last_stack_id; id++) {
        if (!spprof_site_get(id, &site)) continue;
        sum.samples += site.samples;
        sum.freed_samples += site.freed_samples;
        sum.allocated_bytes += site.allocated_bytes;
        sum.freed_bytes += site.freed_bytes;
    }
    return sum;
}

TEST(test_counters_hold_together_while_eight_threads_hammer) {
    start(0);
    run_threads(THREADS + 1, hammer_or_watch, NULL);
    static spprof_sample listed[THREADS * OWN];
    size_t count = spprof_copy_live(listed, THREADS * OWN);
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += listed[i].size;
        assert_int_equal((listed[i].address - (uintptr_t)at(0)) / 16 % 2, 1); /* the even ones were freed */
    }
    assert_live(count, bytes);
    assert_int_equal(stats().total_samples, allocations);
    assert_int_equal(stats().last_serial, allocations);
    assert_int_equal(stats().missed_frees, 0);
    assert_true(stats().peak_bytes >= BYTES(bytes));
    spprof_site sum = sum_of_sites();
    assert_int_equal(sum.samples, allocations);
    assert_int_equal(sum.samples - sum.freed_samples, count);
    assert_int_equal(sum.allocated_bytes - sum.freed_bytes, BYTES(bytes));
}

/* With one block a thread, frees overtake what was read of the total whenever that was read first. */
static void allocate_and_free_one(unsigned thread) {
    for (int step = 0; step < 20000; step++) {
        allocate(thread, 10);
        release(thread);
    }
    atomic_fetch_add(&finished, 1);
}

static void watch_closely(void) {
    spprof_stats now;
    while (atomic_load(&finished) < THREADS) {
        spprof_get_stats(&now);
        CHECK(now.freed_samples <= now.total_samples && now.live_bytes <= BYTES(10) * THREADS);
    }
}

static void one_block_or_watch(unsigned thread, void *argument) {
    (void)argument;
    if (thread < THREADS)
        allocate_and_free_one(thread);
    else
        watch_closely();
}

TEST(test_no_more_is_ever_seen_freed_than_sampled) {
    start(0);
    run_threads(THREADS + 1, one_block_or_watch, NULL);
    assert_live(0, 0);
    assert_int_equal(stats().total_samples, THREADS * 20000);
}

static void allocate_some(unsigned thread, void *argument) {
    (void)argument;
    for (uintptr_t n = 0; n < 100; n++) allocate(thread * 100 + n, 16);
}

static void release_others(unsigned thread, void *argument) {
    (void)argument;
    for (uintptr_t n = 0; n < 100; n++) release((thread + 1) % THREADS * 100 + n);
}

TEST(test_a_free_from_another_thread_removes_the_sample) {
    start(0);
    run_threads(THREADS, allocate_some, NULL);
    assert_live(THREADS * 100, THREADS * 1600);
    run_threads(THREADS, release_others, NULL);
    assert_live(0, 0);
}

/* Starting and stopping while others allocate: nothing is lost or counted twice. */
static void start_and_stop(void) {
    for (uint32_t i = 0; i < 2000; i++) {
        CHECK(spprof_start(i % 3 * 500, NULL) == SPPROF_OK);
        CHECK(spprof_stop() == SPPROF_OK);
    }
}

static void hammer_or_toggle(unsigned thread, void *argument) {
    (void)argument;
    if (thread < THREADS)
        hammer(thread);
    else
        start_and_stop();
}

TEST(test_starts_and_stops_while_eight_threads_hammer_leave_the_counters_right) {
    run_threads(THREADS + 1, hammer_or_toggle, NULL);
    for (uintptr_t n = 0; n < THREADS * OWN; n++) release(n);
    assert_live(0, 0);
    assert_int_equal(stats().missed_frees, 0);
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
        cmocka_unit_test(test_impossible_sizes_while_active_leave_the_sampling_right),
        cmocka_unit_test(test_impossible_sizes_while_stopped_leave_the_next_start_right),
        cmocka_unit_test(test_impossible_sizes_inside_the_guard_leave_the_sampling_right),
        cmocka_unit_test(test_impossible_reallocs_leave_the_sampling_right),
        cmocka_unit_test(test_a_stopped_thread_takes_the_slow_path_once),
        cmocka_unit_test(test_errno_stays_as_the_allocator_left_it),
        cmocka_unit_test(test_errno_outlives_a_walker_that_changes_it),
        cmocka_unit_test(test_a_paused_thread_is_not_sampled),
        cmocka_unit_test(test_pausing_is_of_one_thread),
        cmocka_unit_test(test_what_is_allocated_while_a_stack_is_taken_is_not_sampled),
        cmocka_unit_test(test_a_nested_allocation_is_counted_once),
        cmocka_unit_test(test_a_free_inside_the_guard_is_done_by_the_next_call),
        cmocka_unit_test(test_a_pending_free_never_ends_the_next_sample_at_its_address),
        cmocka_unit_test(test_too_many_pending_frees_are_counted),
        cmocka_unit_test(test_a_handler_that_interrupts_the_engine_frees_and_allocates_without_harm),
        cmocka_unit_test(test_counters_hold_together_while_eight_threads_hammer),
        cmocka_unit_test(test_no_more_is_ever_seen_freed_than_sampled),
        cmocka_unit_test(test_a_free_from_another_thread_removes_the_sample),
        cmocka_unit_test(test_starts_and_stops_while_eight_threads_hammer_leave_the_counters_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
