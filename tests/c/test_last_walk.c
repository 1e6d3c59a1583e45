/* Stacks walked with the previous one as a guide: the result is the same, and unchanged frames need no rules. */
#include "last_walk.h"

#include "rule_cache.h"
#include "support.h"
#include "taken_stack.h"

#include <pthread.h>

#define LENGTH_MAX 40

static specimen_trace trace;
static specimen_function *script[LENGTH_MAX + 1];
static sp_last_walks last;
static uint64_t seed;

static void run(size_t length) {
    taken.last = &last;
    script[length] = take_stack;
    run_script(&trace, script);
    check_whole(&trace);
}

/* Return a random function. It is never one that needs every register, and there are only as many large ones as fit
 * on a thread's stack. */
static specimen_function *random_function(void) {
    specimen_function *const *const ways[] = {specimen_without_frame_pointer, specimen_with_frame_pointer,
                                              specimen_unoptimized};
    const size_t kinds[] = {SPECIMEN_plain, SPECIMEN_saving, SPECIMEN_arguments, SPECIMEN_variable, SPECIMEN_realigned};
    return ways[random_below(&seed, 3)][kinds[random_below(&seed, 5)]];
}

static void fill_script(void) {
    for (size_t i = 0; i < LENGTH_MAX; i++) script[i] = random_function();
}

static uint64_t misses_of(size_t length) {
    uint64_t before = sp_unwind_read_counters().misses;
    run(length);
    return sp_unwind_read_counters().misses - before;
}

/* Sometimes one function changes, sometimes the length of the leaf part. The values that functions save always
 * change. */
static size_t change(size_t length) {
    trace.sum = random_below(&seed, 5000);
    if (random_below(&seed, 2)) script[random_below(&seed, length + 1)] = random_function();
    if (random_below(&seed, 2)) return length;
    size_t shorter = random_below(&seed, LENGTH_MAX);
    for (size_t i = shorter; i < LENGTH_MAX; i++) script[i] = random_function();
    return shorter;
}

static void change_and_run(int times) {
    size_t length = LENGTH_MAX;
    fill_script();
    for (int i = 0; i < times; i++) {
        run(length);
        length = change(length);
        if (length == LENGTH_MAX) length--;
    }
}

TEST(test_stacks_that_change_anywhere_are_unwound) {
    sp_unwind_prepare();
    change_and_run(3000);
}

/* Return the number of misses of the last of several walks from one call site. */
static uint64_t misses_after(void (*change_something)(void)) {
    uint64_t misses = 0;
    for (size_t i = 0; i < LENGTH_MAX; i++) script[i] = specimen_without_frame_pointer[SPECIMEN_plain];
    for (int i = 0; i < 3; i++) {
        if (i == 2) change_something();
        misses = misses_of(LENGTH_MAX);
    }
    return misses;
}

static void call_other_function(void) {
    script[LENGTH_MAX - 2] = specimen_unoptimized[SPECIMEN_plain];
    sp_rule_cache_clear();
}

/* The rules are dropped without the walker's knowledge. Only the end of the stack, and frames whose CFA is stored in
 * memory, are looked up. */
TEST(test_what_is_the_same_needs_no_rules) {
    sp_unwind_prepare();
    assert_in_range(misses_after(sp_rule_cache_clear), 1, 4);
}

TEST(test_what_has_changed_needs_rules) {
    sp_unwind_prepare();
    assert_in_range(misses_after(call_other_function), 2, 8);
}

TEST(test_what_is_forgotten_is_not_followed) {
    sp_unwind_prepare();
    uint64_t everything = misses_after(sp_unwind_forget);
    assert_in_range(everything, 9, LENGTH_MAX);
}

static void *run_in_thread(void *unused) {
    change_and_run(20);
    return unused;
}

/* The threads run one after another, mostly at the same stack address. */
TEST(test_other_threads_stacks_are_not_taken_for_ones_own) {
    sp_unwind_prepare();
    for (int i = 0; i < 100; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, run_in_thread, NULL), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        change_and_run(3);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stacks_that_change_anywhere_are_unwound),
        cmocka_unit_test(test_what_is_the_same_needs_no_rules),
        cmocka_unit_test(test_what_has_changed_needs_rules),
        cmocka_unit_test(test_what_is_forgotten_is_not_followed),
        cmocka_unit_test(test_other_threads_stacks_are_not_taken_for_ones_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
