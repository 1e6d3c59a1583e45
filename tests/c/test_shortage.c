/* A sample that finds no room is dropped, is counted by its reason, and affects nothing else. */
#include "fake_hook.h"
#include "memory.h"
#include "options.h"
#include "profiler.h"
#include "spprof.h"
#include "support.h"

#include <stdlib.h>
#include <string.h>

static uint64_t leaf;

/* A walker that reports one frame, which differs for each value of `leaf`. */
static size_t walk_leaf(uint64_t *frames, size_t capacity, bool *depth_limited) {
    (void)capacity, (void)depth_limited;
    frames[0] = spprof_frame_interpreted((uint32_t)leaf, 0);
    return 1;
}

/* Check that the stack consists only of the mark `name`. */
static void assert_named(uint64_t stack_id, const char *name) {
    spprof_stack stack;
    spprof_code code;
    assert_true(spprof_stack_get(stack_id, &stack));
    assert_int_equal(stack.count, 1);
    assert_true(spprof_code_get(stack.frames[0] >> 32 & 0x7FFFFFFF, &code));
    assert_int_equal(code.function_length, strlen(name));
    assert_memory_equal(code.function, name, strlen(name));
}

static void start_with(const char *variable, const char *value) {
    setenv(variable, value, 1);
    spprof_set_walker(walk_leaf);
    start(0);
}

/* Every block has the same size, so each remaining sample represents the same amount. */
TEST(test_samples_beyond_live_samples_max_are_thinned) {
    start_with("SPPROF_LIVE_SAMPLES_MAX", "100");
    for (uintptr_t n = 0; n < 130; n++) allocate(n, 10);
    spprof_stats now = stats();
    assert_int_equal(now.live_samples_max, 100);
    assert_int_equal(now.total_samples, 130);
    assert_in_range(now.live_samples, 1, 100);
    assert_int_equal(now.thinned_samples, now.freed_samples);
    assert_int_equal(now.thinned_samples, 130 - now.live_samples);
    assert_true(now.thinnings > 0 && now.thinned_rate > 0);
    assert_int_equal(now.live_bytes, now.live_samples * spprof_weigh(10, now.thinned_rate).bytes);
    assert_int_equal(now.live_objects, now.live_samples * spprof_weigh(10, now.thinned_rate).objects);
    assert_dropped(SPPROF_DROP_REASON_COUNT, 0);
    assert_int_equal(now.lost_bytes, 0);
    spprof_site site;
    assert_true(spprof_site_get(1, &site));
    assert_int_equal(site.live.samples, now.live_samples);
    assert_int_equal(site.allocated.bytes, now.live_bytes); /* the program has freed none */
    for (uintptr_t n = 0; n < 130; n++) release(n);
    assert_live(0, 0);
    assert_true(spprof_site_get(1, &site));
    assert_int_equal(site.live.bytes, 0);
    assert_int_equal(site.live.samples, 0);
}

/* Empty blocks are sampled at any interval, so thinning cannot remove them. */
TEST(test_samples_that_no_thinning_makes_fewer_are_dropped) {
    start_with("SPPROF_LIVE_SAMPLES_MAX", "100");
    for (uintptr_t n = 0; n < 100; n++) allocate(n, 0);
    allocate(200, 7);
    allocate(201, 7);
    assert_live(100, 0);
    assert_dropped(SPPROF_DROP_LIVE_TABLE_FULL, 2);
    assert_int_equal(stats().lost_bytes, BYTES(14));
    release(200); /* its sample was dropped */
    release(5);
    allocate(202, 7);
    assert_live(100, 7);
    spprof_site site;
    assert_true(spprof_site_get(1, &site));
    assert_int_equal(site.allocated.samples, 101); /* dropped samples are not part of the site */
}

/* Another thread took the room after the old block was detached, but before the realloc failed. */
TEST(test_a_failed_realloc_that_finds_its_room_taken_is_thinned_with_the_rest) {
    start_with("SPPROF_LIVE_SAMPLES_MAX", "1");
    allocate(1, 100);
    spprof_ticket ticket;
    assert_false(spprof_passes(200));
    spprof_begin_realloc(&ticket, at(1), 200, true);
    sp_guard_leave(&spprof_this_thread); /* as if on another thread */
    allocate(2, 5);
    sp_guard_enter(&spprof_this_thread);
    spprof_end(&ticket, NULL);
    assert_int_equal(stats().live_samples + stats().thinned_samples, 2);
    assert_true(stats().live_samples <= 1);
    spprof_sample left;
    size_t count = spprof_copy_live(&left, 1);
    assert_int_equal(stats().live_samples, count);
    assert_int_equal(stats().live_bytes, count ? spprof_weigh(left.size, left.rate).bytes : 0);
}

TEST(test_stacks_beyond_stacks_max_are_counted_under_a_marked_stack) {
    start_with("SPPROF_STACKS_MAX", "20");
    for (leaf = 1; leaf <= 50; leaf++) allocate(leaf, 10);
    assert_live(50, 500); /* only names are lost */
    assert_dropped(SPPROF_DROP_REASON_COUNT, 0);
    assert_int_equal(stats().unique_stacks, 20);
    assert_int_equal(stats().stacks, 20);
    assert_int_equal(stats().unkept_samples, 30);
    assert_int_equal(stats().unkept_live_samples, 30);
    assert_true(live_sample(30).stack_id == live_sample(50).stack_id);
    assert_named(live_sample(30).stack_id, "<stacks table full>");
    leaf = 7; /* already known */
    allocate(100, 5);
    assert_live(51, 505);
    assert_int_equal(stats().unkept_samples, 30);
    release(30);
    assert_int_equal(stats().unkept_live_samples, 29);
}

static size_t walk_without_room_for_code(uint64_t *frames, size_t capacity, bool *depth_limited) {
    (void)frames, (void)capacity, (void)depth_limited;
    return SIZE_MAX;
}

TEST(test_a_walker_without_room_for_code_gives_one_marked_frame) {
    start(0);
    spprof_set_walker(walk_without_room_for_code);
    for (uintptr_t n = 0; n < 7; n++) assert_ptr_equal(allocate(n, 10), at(n));
    assert_live(7, 70);
    assert_dropped(SPPROF_DROP_REASON_COUNT, 0);
    assert_int_equal(stats().stacks, 1);
    assert_named(live_sample(3).stack_id, "<code table full>");
}

TEST(test_codes_beyond_codes_max_are_one_mark) {
    start_with("SPPROF_CODES_MAX", "3");
    for (int n = 0; n < 5; n++) {
        spprof_code code = {"f", "file", (const uint8_t *)"", 1, 4, 0, n}, kept;
        uint32_t id = spprof_code_intern(0x1000 + (uintptr_t)n * 16, &code);
        assert_int_equal(id, n < 3 ? (uint32_t)n + 1 : SPPROF_CODE_CODES_FULL);
        assert_int_equal(spprof_code_lookup(0x1000 + (uintptr_t)n * 16), n < 3 ? n + 1 : 0);
        assert_true(spprof_code_get(id, &kept));
        assert_int_equal(kept.function_length, n < 3 ? 1 : strlen("<code table full>"));
    }
    assert_int_equal(stats().marked_codes, 2);
    spprof_code_forget(0x1000);
    assert_int_equal(spprof_code_lookup(0x1000), 0);
}

TEST(test_without_memory_for_its_tables_nothing_starts) {
    setenv("SPPROF_ENGINE_BYTES_MAX", "4096", 1);
    assert_int_equal(spprof_start(0, NULL), SPPROF_OUT_OF_MEMORY);
    assert_false(spprof_is_active());
    allocate(1, 100);
    assert_int_equal(stats().total_samples, 0);
    assert_int_equal(stats().epochs, 0);
    setenv("SPPROF_ENGINE_BYTES_MAX", "100000000", 1);
    start(0);
    allocate(1, 100);
    assert_live(1, 100);
}

/* The stack should be marked, but there is no memory for its entry either. */
TEST(test_a_sample_that_finds_no_memory_is_a_drop) {
    start(0);
    sp_options.engine_bytes_max = sp_memory_mapped();
    for (uintptr_t n = 0; n < 4; n++) allocate(n, 10);
    assert_live(0, 0);
    assert_dropped(SPPROF_DROP_OUT_OF_MEMORY, 4);
    sp_options.engine_bytes_max = 1 << 30;
    allocate(1, 10);
    assert_live(1, 10);
}

TEST(test_an_entry_that_finds_no_memory_is_a_drop_and_no_part_of_its_site) {
    spprof_set_walker(walk_leaf);
    start(0);
    allocate(1, 10);
    sp_options.engine_bytes_max = sp_memory_mapped();
    for (uintptr_t n = 100; n < 1100; n++) allocate(n, 10); /* 1 of 64 shards has slots; one stays empty */
    uint64_t kept = stats().live_samples;
    assert_in_range(kept, 1, 63);
    assert_live(kept, kept * 10);
    assert_dropped(SPPROF_DROP_OUT_OF_MEMORY, 1001 - kept);
    spprof_site site;
    assert_true(spprof_site_get(1, &site));
    assert_int_equal(site.allocated.samples, kept);
    assert_int_equal(site.allocated.bytes, BYTES(kept * 10));
    assert_int_equal(stats().peak_bytes, BYTES(kept * 10));
}

TEST(test_each_reason_has_a_counter_of_its_own) {
    for (int reason = 0; reason < SPPROF_DROP_REASON_COUNT; reason++)
        for (int i = 0; i <= reason; i++) spprof_count_drop((spprof_drop_reason)reason);
    spprof_stats now = stats();
    for (int reason = 0; reason < SPPROF_DROP_REASON_COUNT; reason++) assert_int_equal(now.dropped[reason], reason + 1);
}

/* ---- Stacks ---- */

static size_t depth;

static size_t walk_to_depth(uint64_t *frames, size_t capacity, bool *depth_limited) {
    size_t count = depth < capacity ? depth : capacity;
    for (size_t i = 0; i < count; i++) frames[i] = spprof_frame_interpreted((uint32_t)i, (uint32_t)(2 * i));
    *depth_limited = depth > capacity;
    return count;
}

TEST(test_the_deepest_stack_is_kept_whole_and_a_deeper_one_is_depth_limited) {
    spprof_set_walker(walk_to_depth);
    start(0);
    static const size_t depths[] = {0, 1, SPPROF_STACK_FRAMES_MAX - 1, SPPROF_STACK_FRAMES_MAX,
                                    SPPROF_STACK_FRAMES_MAX + 1};
    for (uintptr_t i = 0; i < 5; i++) {
        depth = depths[i];
        allocate(i, 10);
        spprof_stack stack;
        assert_true(spprof_stack_get(live_sample(i).stack_id, &stack));
        size_t kept = depth < SPPROF_STACK_FRAMES_MAX ? depth : SPPROF_STACK_FRAMES_MAX;
        assert_int_equal(stack.count, kept);
        assert_int_equal(stack.depth_limited, depth > SPPROF_STACK_FRAMES_MAX);
        for (size_t j = 0; j < kept; j++)
            assert_true(stack.frames[j] == (UINT64_C(1) << 63 | (uint64_t)j << 32 | 2 * j));
    }
    assert_int_equal(stats().unique_stacks, 5); /* the depth-limited stack and the complete one count as two stacks */
    spprof_stack none;
    assert_false(spprof_stack_get(0, &none));
    assert_false(spprof_stack_get(6, &none));
}

/* ---- Pools: handoffs and reallocs that are already counted ---- */

/* A pool that gets its larger blocks from the lower hook. */
static bool allocate_by_handoff(uintptr_t n, size_t size, size_t handed_down) {
    if (spprof_passes(size) || !sp_handoff_begin(size)) return false;
    if (handed_down) allocate(n, handed_down);
    return sp_handoff_end();
}

TEST(test_a_handoff_gives_the_sample_its_size_in_its_reach_alone) {
    static const size_t handed_down[] = {512, 513, 550, 609, 610};
    for (uintptr_t i = 0; i < 5; i++) {
        start(0);
        bool taken = allocate_by_handoff(i, 48, handed_down[i]);
        spprof_stop();
        assert_int_equal(taken, handed_down[i] >= 513 && handed_down[i] <= 609);
        assert_int_equal(live_sample(i).size, taken ? 48 : handed_down[i]);
    }
    assert_int_equal(stats().live_samples, 5);
    assert_int_equal(stats().live_bytes, BYTES(48 * 3 + 512 + 610));
    assert_dropped(SPPROF_DROP_HOOK_DISPLACED, 2);
}

TEST(test_a_handoff_that_no_hook_completes_is_a_drop) {
    start(0);
    assert_false(allocate_by_handoff(1, 48, 0));
    assert_dropped(SPPROF_DROP_HOOK_DISPLACED, 1);
    allocate(2, 550); /* too late for the handoff */
    assert_live(1, 550);
}

TEST(test_a_handoff_is_completed_by_the_first_that_fits) {
    start(0);
    assert_true(sp_handoff_begin(48));
    allocate(1, 513);
    allocate(2, 513);
    assert_true(sp_handoff_end());
    assert_live(2, 48 + 513);
}

TEST(test_a_handoff_whose_allocation_fails_is_no_sample_and_no_drop) {
    start(0);
    assert_true(sp_handoff_begin(48));
    fail_to_allocate(513);
    assert_true(sp_handoff_end());
    assert_live(0, 0);
    assert_dropped(SPPROF_DROP_HOOK_DISPLACED, 0);
}

TEST(test_no_handoff_begins_while_stopped_or_inside_the_guard) {
    assert_false(allocate_by_handoff(1, 48, 513));
    start(0);
    spprof_pause();
    assert_false(allocate_by_handoff(1, 48, 513));
    spprof_resume();
    spprof_stop();
    assert_false(allocate_by_handoff(1, 48, 513));
    assert_live(0, 0);
    assert_dropped(SPPROF_DROP_HOOK_DISPLACED, 0);
}

/* A stop between the begin of the handoff and the allocation is not an error. */
TEST(test_a_handoff_interrupted_by_stop_is_no_drop) {
    start(0);
    assert_true(sp_handoff_begin(48));
    spprof_stop();
    allocate(1, 513);
    assert_false(sp_handoff_end());
    assert_live(0, 0);
    assert_dropped(SPPROF_DROP_HOOK_DISPLACED, 0);
    start(0);
    allocate(2, 550);
    assert_live(1, 550);
}

TEST(test_a_handed_off_sample_weighs_by_its_own_size) {
    enum { COUNT = 60000 };
    const uint64_t seed = 3;
    assert_int_equal(spprof_start(500, &seed), SPPROF_OK);
    uint64_t sampled = 0;
    for (int i = 0; i < COUNT; i++) sampled += allocate_by_handoff(1, 100, 513) && live_sample(1).size == 100;
    double p = -__builtin_expm1(-100.0 / 500), sigma = __builtin_sqrt(COUNT * p * (1 - p));
    assert_true(__builtin_fabs((double)sampled - COUNT * p) < 4 * sigma);
    assert_int_equal(stats().total_samples, sampled);
}

/* The pool has already decided: the lower hook moves the block without a second decision. */
TEST(test_an_already_counted_realloc_is_moved_without_a_decision) {
    for (uintptr_t before = 0; before <= 64; before += 16) {
        start(0);
        allocate(10, 100);
        sp_already_counted_begin((char *)at(10) + before); /* debug layers add bytes in front of the block */
        reallocate(at(10), 40, at(20));
        assert_live(0, 0);
        spprof_stop();
    }
}

TEST(test_already_counted_is_one_realloc) {
    start(0);
    allocate(10, 100);
    sp_already_counted_begin(at(10));
    reallocate(at(10), 40, at(10));
    assert_live(0, 0);
    reallocate(at(10), 50, at(10));
    assert_live(1, 50);
}

/* malloc may have received an arena's memory, and the block at that address may grow. */
TEST(test_a_realloc_to_a_size_of_no_pool_is_not_already_counted) {
    start(0);
    sp_already_counted_begin(at(10));
    reallocate(at(10), 610, at(10));
    assert_live(1, 610);
    sp_already_counted_begin(at(10));
    reallocate(at(10), 609, at(10));
    assert_live(0, 0);
}

TEST(test_already_counted_reaches_no_other_block) {
    start(0);
    allocate(10, 100);
    sp_already_counted_begin((char *)at(10) + 65);
    reallocate(at(10), 40, at(10));
    assert_live(1, 40);
    sp_already_counted_begin((char *)at(10) - 16);
    reallocate(at(10), 50, at(10));
    assert_live(1, 50);
    allocate(11, 7); /* not a realloc */
    reallocate(NULL, 8, at(12));
    assert_live(3, 65);
}

/* A pool's arena table grows by realloc while a small realloc in a higher hook is already counted. */
TEST(test_a_realloc_within_one_that_is_already_counted_is_decided) {
    start(0);
    sp_already_counted_begin(at(10));
    reallocate(NULL, 300, at(30));
    reallocate(at(30), 600, at(30));
    assert_live(1, 600);
    reallocate(at(10), 40, at(20));
    assert_live(1, 600);
}

TEST(test_already_counted_leaves_the_countdown) {
    const uint64_t seed = 1;
    assert_int_equal(spprof_start(1 << 20, &seed), SPPROF_OK);
    allocate(1, 1);
    int64_t before = spprof_this_thread.countdown;
    sp_already_counted_begin(at(1));
    reallocate(at(1), 100, at(2));
    assert_true(spprof_this_thread.countdown == before);
}

TEST(test_a_probe_counts_what_reaches_the_hook_and_samples_nothing) {
    spprof_probe_begin();
    allocate(1, 513);
    assert_int_equal(spprof_probe_end(), 513);
    start(0);
    spprof_probe_begin();
    assert_int_equal(spprof_probe_end(), 0);
    spprof_probe_begin();
    allocate(1, 1);
    allocate(2, 600);
    assert_int_equal(spprof_probe_end(), 601);
    assert_live(0, 0);
    allocate(3, 5);
    assert_live(1, 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples_beyond_live_samples_max_are_thinned),
        cmocka_unit_test(test_samples_that_no_thinning_makes_fewer_are_dropped),
        cmocka_unit_test(test_a_failed_realloc_that_finds_its_room_taken_is_thinned_with_the_rest),
        cmocka_unit_test(test_stacks_beyond_stacks_max_are_counted_under_a_marked_stack),
        cmocka_unit_test(test_a_walker_without_room_for_code_gives_one_marked_frame),
        cmocka_unit_test(test_codes_beyond_codes_max_are_one_mark),
        cmocka_unit_test(test_without_memory_for_its_tables_nothing_starts),
        cmocka_unit_test(test_a_sample_that_finds_no_memory_is_a_drop),
        cmocka_unit_test(test_an_entry_that_finds_no_memory_is_a_drop_and_no_part_of_its_site),
        cmocka_unit_test(test_each_reason_has_a_counter_of_its_own),
        cmocka_unit_test(test_the_deepest_stack_is_kept_whole_and_a_deeper_one_is_depth_limited),
        cmocka_unit_test(test_a_handoff_gives_the_sample_its_size_in_its_reach_alone),
        cmocka_unit_test(test_a_handoff_that_no_hook_completes_is_a_drop),
        cmocka_unit_test(test_a_handoff_is_completed_by_the_first_that_fits),
        cmocka_unit_test(test_a_handoff_whose_allocation_fails_is_no_sample_and_no_drop),
        cmocka_unit_test(test_no_handoff_begins_while_stopped_or_inside_the_guard),
        cmocka_unit_test(test_a_handoff_interrupted_by_stop_is_no_drop),
        cmocka_unit_test(test_a_handed_off_sample_weighs_by_its_own_size),
        cmocka_unit_test(test_an_already_counted_realloc_is_moved_without_a_decision),
        cmocka_unit_test(test_already_counted_is_one_realloc),
        cmocka_unit_test(test_a_realloc_to_a_size_of_no_pool_is_not_already_counted),
        cmocka_unit_test(test_already_counted_reaches_no_other_block),
        cmocka_unit_test(test_a_realloc_within_one_that_is_already_counted_is_decided),
        cmocka_unit_test(test_already_counted_leaves_the_countdown),
        cmocka_unit_test(test_a_probe_counts_what_reaches_the_hook_and_samples_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
