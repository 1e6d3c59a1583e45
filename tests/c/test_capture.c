/* Stacks of samples: the walker's frames are merged with the unwound ones and interned. This program contains the
 * engine, so all of its frames up to the first one that the walker reports are the engine's own.
 */
#include "capture.h"

#include "fake_hook.h"
#include "objects.h"
#include "options.h"
#include "profiler.h"
#include "rule_cache.h"
#include "testing.h"

#include <dlfcn.h>
#include <string.h>

#define PYTHON(n) spprof_frame_interpreted(n, n)

/* ---- Samples ---- */

static uint64_t words[3 * SPPROF_STACK_FRAMES_MAX];
static size_t word_count;
static bool walker_lacks_room;
static uintptr_t returns_to; /* return address of allocate_here */

static size_t walk(uint64_t *out, size_t capacity, bool *depth_limited) {
    if (word_count == SIZE_MAX) return SIZE_MAX;
    size_t count = word_count < capacity ? word_count : capacity;
    *depth_limited = walker_lacks_room || word_count > capacity;
    memcpy(out, words, count * sizeof *words);
    return count;
}

static void start_with_walker(void) {
    spprof_set_walker(walk);
    start(0);
}

extern const char __start_evaluation[], __stop_evaluation[];

/* If the last word is 1, the walker's frames replace this function's frame, whose anchor is filled in here. */
static __attribute__((noinline, section("evaluation"))) spprof_stack allocate_here(void) {
    volatile char inside = 0;
    returns_to = (uintptr_t)__builtin_extract_return_addr(__builtin_return_address(0));
    if (word_count != SIZE_MAX && word_count > 0 && words[word_count - 1] == 1)
        words[word_count - 1] = (uintptr_t)&inside;
    allocate(1, 100 + (size_t)inside);
    spprof_stack stack = {.count = 0};
    assert_true(spprof_stack_get(live_sample(1).stack_id, &stack));
    return stack;
}

static void say(const uint64_t *said, size_t count) {
    memcpy(words, said, count * sizeof *said);
    word_count = count;
}
#define SAY(...) say((const uint64_t[]){__VA_ARGS__}, sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

TEST(test_a_sample_has_interpreter_frames_and_native_callers) {
    start_with_walker();
    SAY(PYTHON(7), PYTHON(8), 1);
    spprof_stack stack = allocate_here();
    assert_true(stack.count > 4);
    assert_int_equal(stack.frames[0], PYTHON(7));
    assert_int_equal(stack.frames[1], PYTHON(8));
    assert_int_equal(stack.frames[2], returns_to);
    for (uint32_t i = 2; i < stack.count; i++) assert_int_equal(stack.frames[i] >> 48, 0);
    assert_false(stack.depth_limited);
    assert_false(stack.truncated);
}

TEST(test_the_same_place_has_the_same_stack) {
    start_with_walker();
    uint64_t before = stats().unique_stacks;
    for (volatile int i = 0; i < 10; i++) {
        SAY(PYTHON(7), 1);
        allocate_here();
    }
    assert_int_equal(stats().unique_stacks, before + 1);
}

static void allocate_in_thread(unsigned thread, void *argument) {
    (void)thread, (void)argument;
    spprof_stack stack = allocate_here();
    sp_object object;
    CHECK(stack.count > 0 && !stack.truncated);
    for (uint32_t i = 0; i < stack.count; i++)
        CHECK(sp_objects_find(stack.frames[i] - 1, &object) && strcmp(object.path, "") != 0);
}

/* Only the frames with which libc starts threads are left. */
TEST(test_own_frames_are_left_out) {
    start(0);
    run_threads(1, allocate_in_thread, NULL);
}

static void allocate_without_libc(unsigned thread, void *argument) {
    (void)thread;
    spprof_stack stack = allocate_here();
    sp_object object;
    for (uint32_t i = 0; i < stack.count; i++)
        CHECK(sp_objects_find(stack.frames[i] - 1, &object) && object.start != *(uintptr_t *)argument);
}

/* As if libc called our hooks. */
TEST(test_frames_of_an_allocator_that_calls_hooks_are_left_out) {
    sp_object libc;
    uintptr_t in_libc = (uintptr_t)dlsym(RTLD_DEFAULT, "pthread_create");
    sp_capture_leave_out_allocator(in_libc);
    start(0);
    assert_true(sp_objects_find(in_libc, &libc));
    run_threads(1, allocate_without_libc, &libc.start);
}

static __attribute__((noinline)) void let_through(void) {
    allocate(1, 100);
    __asm__ volatile("" ::: "memory"); /* prevents a tail call */
}

TEST(test_a_function_that_calls_the_program_is_part_of_its_stack) {
    volatile char inside = 0;
    start_with_walker();
    for (int known = 0; known < 2; known++) {
        SAY(PYTHON(7), (uintptr_t)&inside);
        let_through();
        spprof_stack stack;
        assert_true(spprof_stack_get(live_sample(1).stack_id, &stack));
        assert_int_equal(stack.frames[known], PYTHON(7));
        if (known) assert_in_range(stack.frames[0], (uintptr_t)let_through, (uintptr_t)let_through + 500);
        sp_capture_let_through((uintptr_t)let_through);
    }
}

TEST(test_groups_without_an_anchor_come_behind_native_frames) {
    start_with_walker();
    SAY(PYTHON(7), 1, PYTHON(9));
    words[1] = UINT64_C(1) << 46;
    spprof_stack stack = allocate_here();
    assert_int_equal(stack.frames[stack.count - 2], PYTHON(7));
    assert_int_equal(stack.frames[stack.count - 1], PYTHON(9));
}

TEST(test_no_more_than_eight_places_are_evaluation_code) {
    spprof_code_range ranges[SPPROF_CODE_RANGES_MAX + 1];
    const uintptr_t evaluation = (uintptr_t)__start_evaluation;
    for (size_t i = 0; i <= SPPROF_CODE_RANGES_MAX; i++) ranges[i] = (spprof_code_range){evaluation, evaluation};
    ranges[SPPROF_CODE_RANGES_MAX].end = (uintptr_t)__stop_evaluation;
    start_with_walker();
    SAY(PYTHON(7), 0);
    spprof_set_evaluation_code(ranges, SPPROF_CODE_RANGES_MAX + 1);
    spprof_stack stack = allocate_here();
    assert_int_equal(stack.frames[stack.count - 1], PYTHON(7)); /* no frame matches it */
    spprof_set_evaluation_code(ranges + 1, SPPROF_CODE_RANGES_MAX);
    stack = allocate_here();
    assert_int_equal(stack.frames[0], PYTHON(7));
    assert_int_equal(stack.frames[1], returns_to);
}

/* ---- Flags of a stack ---- */

TEST(test_a_walker_without_room_makes_the_stack_depth_limited) {
    start_with_walker();
    walker_lacks_room = true;
    SAY(PYTHON(7), 1);
    assert_true(allocate_here().depth_limited);
}

TEST(test_a_stack_of_more_frames_than_are_kept_is_depth_limited) {
    start_with_walker();
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) words[i] = PYTHON(i);
    word_count = SPPROF_STACK_FRAMES_MAX - 1;
    assert_false(allocate_here().depth_limited);
    for (word_count = SPPROF_STACK_FRAMES_MAX + 1; word_count < sizeof words / sizeof *words; word_count += 500) {
        spprof_stack stack = allocate_here();
        assert_true(stack.depth_limited);
        assert_int_equal(stack.count, SPPROF_STACK_FRAMES_MAX);
    }
}

TEST(test_without_room_for_code_all_interpreter_frames_are_one_mark) {
    start_with_walker();
    word_count = SIZE_MAX;
    allocate(1, 100);
    spprof_stack stack;
    assert_true(spprof_stack_get(live_sample(1).stack_id, &stack));
    uint32_t marks = 0;
    for (uint32_t i = 0; i < stack.count; i++)
        marks += stack.frames[i] == spprof_frame_interpreted(SPPROF_CODE_CODES_FULL, 0);
    assert_int_equal(marks, 1);
    assert_dropped(SPPROF_DROP_REASON_COUNT, 0);
}

/* Nothing may be mapped, not even the scratch buffer in which the stack is taken. */
TEST(test_without_memory_for_a_stack_the_sample_has_a_marked_one) {
    start(0);
    sp_live_table *live = &sp_the_profiler.live;
    spprof_sample entry = {.address = (uintptr_t)at(1), .size = 1, .stack_id = 1}, removed;
    sp_live_table_insert(live, &entry, &removed); /* so that the shard has slots */
    sp_live_table_remove(live, entry.address, &removed);
    uint64_t limit = sp_options.engine_bytes_max;
    sp_options.engine_bytes_max = 0;
    allocate(1, 100);
    assert_dropped(SPPROF_DROP_REASON_COUNT, 0);
    assert_int_equal(stats().unkept_live_samples, 1);
    sp_options.engine_bytes_max = limit;
    allocate(2, 100);
    assert_live(2, 200);
    assert_int_equal(stats().unkept_samples, 1);
}

/* ---- The native stack alone ---- */

static size_t native_in_thread;

static void ask_in_thread(unsigned thread, void *argument) {
    uintptr_t addresses[100], again[100];
    bool truncated;
    (void)thread, (void)argument;
    native_in_thread = spprof_native_stack(addresses, 100, &truncated);
    CHECK(native_in_thread > 0 && !truncated);
    for (size_t capacity = 0; capacity <= native_in_thread; capacity++) {
        CHECK(spprof_native_stack(again, capacity, &truncated) == capacity && !truncated);
        CHECK(memcmp(addresses, again, capacity * sizeof *again) == 0);
    }
}

TEST(test_a_native_stack_is_given_as_far_as_there_is_room) {
    sp_capture_prepare();
    run_threads(1, ask_in_thread, NULL);
}

/* ---- Unloaded objects ---- */

static void *load(void) {
    void *handle = dlopen(SPECIMEN_LIBRARY, RTLD_NOW);
    assert_non_null(handle);
    return handle;
}

TEST(test_rules_are_forgotten_when_something_was_unloaded_and_only_then) {
    sp_capture_prepare();
    sp_capture_forget_unloaded();
    sp_rule_cache_insert(1000, sp_rule_of_kind(SP_RULE_END));
    void *handle = load();
    sp_capture_forget_unloaded();
    assert_int_equal(sp_rule_cache_count(), 1);
    assert_int_equal(dlclose(handle), 0);
    sp_capture_forget_unloaded();
    assert_int_equal(sp_rule_cache_count(), 0);
    sp_rule_cache_insert(1000, sp_rule_of_kind(SP_RULE_END));
    sp_capture_refresh_objects();
    assert_int_equal(sp_rule_cache_count(), 1);
}

/* Simulates glibc before 2.35: an object that is gone must not be read. */
TEST(test_the_table_of_objects_forgets_what_was_unloaded) {
    sp_object object;
    sp_objects_prepare(false);
    void *handle = load();
    uintptr_t address = (uintptr_t)dlsym(handle, "specimen_allocate");
    sp_objects_refresh();
    assert_true(sp_objects_find(address, &object));
    assert_int_equal(dlclose(handle), 0);
    sp_capture_forget_unloaded();
    assert_false(sp_objects_find(address, &object));
}

TEST(test_refreshing_learns_what_was_loaded) {
    sp_object object;
    sp_objects_prepare(false);
    uintptr_t address = (uintptr_t)dlsym(load(), "specimen_allocate");
    assert_false(sp_objects_find(address, &object));
    sp_capture_refresh_objects();
    assert_true(sp_objects_find(address, &object));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_sample_has_interpreter_frames_and_native_callers),
        cmocka_unit_test(test_the_same_place_has_the_same_stack),
        cmocka_unit_test(test_own_frames_are_left_out),
        cmocka_unit_test(test_frames_of_an_allocator_that_calls_hooks_are_left_out),
        cmocka_unit_test(test_a_function_that_calls_the_program_is_part_of_its_stack),
        cmocka_unit_test(test_groups_without_an_anchor_come_behind_native_frames),
        cmocka_unit_test(test_no_more_than_eight_places_are_evaluation_code),
        cmocka_unit_test(test_a_walker_without_room_makes_the_stack_depth_limited),
        cmocka_unit_test(test_a_stack_of_more_frames_than_are_kept_is_depth_limited),
        cmocka_unit_test(test_without_room_for_code_all_interpreter_frames_are_one_mark),
        cmocka_unit_test(test_without_memory_for_a_stack_the_sample_has_a_marked_one),
        cmocka_unit_test(test_a_native_stack_is_given_as_far_as_there_is_room),
        cmocka_unit_test(test_rules_are_forgotten_when_something_was_unloaded_and_only_then),
        cmocka_unit_test(test_the_table_of_objects_forgets_what_was_unloaded),
        cmocka_unit_test(test_refreshing_learns_what_was_loaded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
