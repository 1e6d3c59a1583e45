/* The engine, called from many threads at once with addresses that are only names. */
#include "fake_hook.h"
#include "spprof.h"
#include "support.h"

#include <stdatomic.h>

#define THREADS 8
#define OWN 200
#define STEPS 30000

static _Atomic unsigned finished;
static _Atomic uint64_t allocations;

/* Each thread uses its own addresses; its neighbour frees every eighth block. */
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

/* Check relations that always hold, whatever other threads are doing. */
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

/* Threads that see the same new stack at the same time may each add it. */
static spprof_site sum_of_sites(void) {
    spprof_site sum = {0}, site;
    for (uint64_t id = 1; id <= stats().stacks; id++) {
        if (!spprof_site_get(id, &site)) continue;
        sum.allocated.samples += site.allocated.samples;
        sum.live.samples += site.live.samples;
        sum.allocated.bytes += site.allocated.bytes;
        sum.live.bytes += site.live.bytes;
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
    assert_int_equal(sum.allocated.samples, allocations);
    assert_int_equal(sum.live.samples, count);
    assert_int_equal(sum.live.bytes, BYTES(bytes));
}

/* With one block per thread, frees overtake the total if the total is read first. */
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

/* Starting and stopping while others are allocating loses nothing and counts nothing twice. */
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
        cmocka_unit_test(test_counters_hold_together_while_eight_threads_hammer),
        cmocka_unit_test(test_no_more_is_ever_seen_freed_than_sampled),
        cmocka_unit_test(test_a_free_from_another_thread_removes_the_sample),
        cmocka_unit_test(test_starts_and_stops_while_eight_threads_hammer_leave_the_counters_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
