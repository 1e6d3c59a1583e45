/* Stacks of calls through functions compiled in many ways, down to the thread's first frame. */
#include "frames.h"
#include "last_walk.h"
#include "rule_cache.h"
#include "specimens.h"
#include "tap.h"
#include "unwind.h"

#include <pthread.h>
#include <string.h>

#define CHAIN_MAX 24

DECLARE_PLACE(bottom);
DECLARE_PLACE(top);
DECLARE_PLACE(thread_body);
DECLARE_PLACE(main);

static stack taken, by_libgcc;

/* The functions of a chain, from bottom to top. */
static PLACED(bottom) void take_at_bottom(void *argument) {
    (void)argument;
    stack_take(&taken);
    stack_take_by_libgcc(&by_libgcc);
    __asm__ volatile(""); /* prevents a tail call */
}

static PLACED(top) void call(chain *whole) {
    go_on(whole);
}

static size_t run_chain(const specimen *const *specimens, size_t count, place *expected) {
    const specimen *listed[CHAIN_MAX + 1];
    CHECK(count <= CHAIN_MAX);
    memcpy(listed, specimens, count * sizeof *listed);
    listed[count] = NULL;
    call(&(chain){.next = listed, .last = take_at_bottom});
    expected[0] = PLACE(bottom);
    for (size_t i = 0; i < count; i++) expected[1 + i] = specimens[count - 1 - i]->place;
    expected[1 + count] = PLACE(top);
    return count + 2;
}

static void check_chain(const specimen *const *specimens, size_t count) {
    place expected[CHAIN_MAX + 2];
    size_t places = run_chain(specimens, count, expected);
    size_t behind = check_frames(&taken, expected, places);
    CHECK(stack_find(&taken, behind, &PLACE(main)) < taken.count);
    check_whole(&taken);
    check_as_libgcc(&taken, &by_libgcc, &PLACE(bottom));
}

/* ---- Each specimen alone, and all together ---- */

static void check_each(const specimen_set *set) {
    for (size_t i = 0; i < set->caller_count; i++) {
        const specimen *one[] = {&set->callers[i], &set->callers[i]};
        check_chain(one, 1);
        check_chain(one, 2);
    }
}

static void test_each_kind_of_frame_leads_to_its_caller(void) {
    for (size_t i = 0; i < specimen_set_count; i++) check_each(specimen_sets[i]);
    check_each(&handwritten);
}

static const specimen *any_specimen(uint64_t *seed) {
    size_t which = random_below(seed, specimen_set_count + 1);
    const specimen_set *set = which < specimen_set_count ? specimen_sets[which] : &handwritten;
    return &set->callers[random_below(seed, set->caller_count)];
}

static void test_a_thousand_mixed_chains(void) {
    uint64_t seed = 1;
    for (int round = 0; round < 1000; round++) {
        const specimen *mixed[CHAIN_MAX];
        size_t count = 1 + random_below(&seed, CHAIN_MAX);
        for (size_t i = 0; i < count; i++) mixed[i] = any_specimen(&seed);
        check_chain(mixed, count);
    }
}

static void test_all_but_special_frames_take_the_quick_way(void) {
    for (size_t i = 0; i < 2 * specimen_set_count; i++) {
        const specimen *callers = specimen_sets[i / 2]->callers, *usual[] = {&callers[0], &callers[1], &callers[3]};
        sp_unwind_counters before = sp_unwind_read_counters();
        check_chain(usual, 3);
        sp_unwind_counters after = sp_unwind_read_counters();
        CHECK(after.evaluated == before.evaluated && after.restarted == before.restarted);
        CHECK(after.truncated == before.truncated);
        CHECK(i % 2 == 0 || after.misses == before.misses);
    }
}

/* ---- Compared with the last stack ---- */

static sp_last_walks last_walks;

static PLACED(bottom) void take_beside_last(void *argument) {
    (void)argument;
    stack_take_beside(&last_walks, &taken);
    stack_take_by_libgcc(&by_libgcc);
    __asm__ volatile(""); /* prevents a tail call */
}

static PLACED(top) uint64_t misses_beside_last(const specimen *callers) {
    const specimen *listed[] = {&callers[0], &callers[1], &callers[2], &callers[3], &callers[9], NULL};
    uint64_t before = sp_unwind_read_counters().misses;
    go_on(&(chain){.next = listed, .last = take_beside_last});
    return sp_unwind_read_counters().misses - before;
}

/* The rules are dropped without the walker's knowledge: only changed frames, and the frame that ends the stack, are
 * looked up. */
static void test_what_has_not_changed_is_not_unwound_again(void) {
    for (size_t set = 0; set < specimen_set_count; set++) {
        const specimen *callers = specimen_sets[set]->callers;
        const place expected[] = {PLACE(bottom),    callers[9].place, callers[3].place, callers[2].place,
                                  callers[1].place, callers[0].place, PLACE(top)};
        uint64_t misses = 0;
        for (int i = 0; i < 3; i++) {
            sp_rule_cache_clear();
            misses = misses_beside_last(callers);
            check_frames(&taken, expected, 7);
            check_whole(&taken);
            check_as_libgcc(&taken, &by_libgcc, &PLACE(bottom));
        }
        CHECK(misses <= 4);
    }
}

/* ---- Signed return addresses ---- */

/* Return the return address as the frame stores it, with its signature. */
static uintptr_t raw_return_address(size_t frame) {
    const uintptr_t *end = (const uintptr_t *)taken.ends[frame];
    for (const uintptr_t *word = (const uintptr_t *)taken.ends[frame - 1]; word < end; word++)
        if ((*word & ((UINT64_C(1) << 48) - 1)) == taken.addresses[frame + 1]) return *word;
    return 0;
}

/* One signature in 128 is 0 by chance, but practically never all CHAIN_MAX signatures at different addresses. The
 * stack is read after the return, before anything overwrites it. */
static uintptr_t signatures_in(const char *set_name) {
    size_t set = 0;
    while (strcmp(specimen_sets[set]->name, set_name) != 0) CHECK(++set < specimen_set_count);
    const specimen *nested[CHAIN_MAX];
    for (size_t i = 0; i < CHAIN_MAX; i++) nested[i] = &specimen_sets[set]->callers[0];
    place expected[CHAIN_MAX + 2];
    check_frames(&taken, expected, run_chain(nested, CHAIN_MAX, expected));
    size_t first = stack_find(&taken, 0, &nested[0]->place);
    uintptr_t signatures = 0;
    for (size_t i = 0; i < CHAIN_MAX; i++) {
        uintptr_t address = raw_return_address(first + i);
        CHECK(address != 0);
        signatures |= address >> 48;
    }
    return signatures;
}

static void test_signed_return_addresses_are_met(void) {
    CHECK(signatures_in("usual") == 0);
    CHECK((signatures_in("authenticated") != 0) == signs_return_addresses());
    CHECK((signatures_in("authenticated_omitting") != 0) == signs_return_addresses());
    CHECK((signatures_in("authenticated_by_other_key") != 0) == signs_return_addresses());
}

/* ---- Threads ---- */

static PLACED(thread_body) void *run_in_thread(void *argument) {
    place expected[CHAIN_MAX + 2];
    const specimen *const *specimens = argument;
    size_t behind = check_frames(&taken, expected, run_chain(specimens, 3, expected));
    CHECK(stack_find(&taken, behind, &PLACE(thread_body)) < taken.count);
    check_whole(&taken);
    check_as_libgcc(&taken, &by_libgcc, &PLACE(bottom));
    return NULL;
}

static void test_a_thread_is_followed_to_its_beginning(void) {
    uint64_t seed = 2;
    for (int round = 0; round < 20; round++) {
        const specimen *mixed[] = {any_specimen(&seed), any_specimen(&seed), any_specimen(&seed)};
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, run_in_thread, mixed) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
    }
}

/* ---- libc's own frames ---- */

static int compare_and_take(const void *left, const void *right) {
    take_at_bottom(NULL);
    return *(const int *)left - *(const int *)right;
}

static PLACED(top) __attribute__((noinline)) void sort_and_search(int *numbers, size_t count) {
    qsort(numbers, count, sizeof *numbers, compare_and_take);
    check_whole(&taken);
    check_as_libgcc(&taken, &by_libgcc, &PLACE(bottom));
    CHECK(stack_find(&taken, 0, &PLACE(top)) > 2);
    CHECK(bsearch(&numbers[1], numbers, count, sizeof *numbers, compare_and_take) == &numbers[1]);
    check_whole(&taken);
    check_as_libgcc(&taken, &by_libgcc, &PLACE(bottom));
}

static void test_callbacks_of_libc_are_followed(void) {
    int numbers[50];
    for (int i = 0; i < 50; i++) numbers[i] = i * 37 % 50;
    sort_and_search(numbers, 50);
}

/* ---- Without tables ---- */

static bool is_huge(const specimen *one) {
    return strstr(one->place.name, "huge");
}

/* If the caller's frame is too large for a rule, its start is unknown. */
static void test_frame_pointers_lead_through_functions_without_a_table(void) {
    for (size_t i = 0; i < untabled_with_frame_pointers.caller_count; i++) {
        const specimen *usual = &specimen_sets[0]->callers[i];
        const specimen *mixed[] = {usual, &untabled_with_frame_pointers.callers[i],
                                   &untabled_with_frame_pointers.callers[0], usual};
        place expected[CHAIN_MAX + 2];
        size_t count = run_chain(mixed, 4, expected);
        size_t behind = check_frames(&taken, expected, is_huge(usual) ? count - 1 : count);
        CHECK(taken.truncated == is_huge(usual));
        CHECK(behind == taken.count || stack_find(&taken, behind, &PLACE(main)) < taken.count);
        if (!taken.truncated) check_whole(&taken);
    }
}

static size_t index_of(const stack *one, size_t frame, const place *places, size_t count) {
    size_t at = 0;
    while (at < count && stack_find(one, frame, &places[at]) != frame) at++;
    return at;
}

/* The frame pointer belongs to one of the callers, so the frames shown after such a function are a part of the
 * stack, in order. */
static void test_without_frame_pointers_no_frame_is_made_up(void) {
    for (size_t i = 0; i < untabled_without.caller_count; i++) {
        const specimen *usual = specimen_sets[0]->callers;
        const specimen *mixed[] = {&usual[0], &usual[i], &untabled_without.callers[i], &usual[1]};
        place expected[CHAIN_MAX + 2];
        size_t count = run_chain(mixed, 4, expected), last = 2;
        for (size_t frame = check_frames(&taken, expected, 3); frame < taken.count; frame++) {
            size_t at = index_of(&taken, frame, expected, count);
            CHECK(at > last || last == count);
            last = at;
        }
    }
}

static void check_call(const specimen *caller, bool believed) {
    const specimen *mixed[] = {caller, &untabled_with_frame_pointers.callers[0]};
    place expected[CHAIN_MAX + 2];
    size_t count = run_chain(mixed, 2, expected);
    check_frames(&taken, expected, believed ? count : 2);
    CHECK(taken.truncated == !believed);
    CHECK(believed || taken.count == stack_find(&taken, 0, &expected[1]) + 1);
}

static void test_a_frame_pointer_is_believed_if_it_leads_behind_a_call(void) {
    for (size_t i = 0; i < calls.caller_count; i++) check_call(&calls.callers[i], true);
    for (size_t i = 0; i < signed_calls.caller_count && signs_return_addresses(); i++)
        check_call(&signed_calls.callers[i], true);
    check_call(&no_call, false);
}

/* The start of the caller's frame is unknown in this case. */
static void test_a_frame_pointer_that_leads_to_no_pair_ends_the_stack(void) {
    const specimen *mixed[] = {&no_record, &untabled_with_frame_pointers.callers[0]};
    place expected[CHAIN_MAX + 2];
    run_chain(mixed, 2, expected);
    CHECK(check_frames(&taken, expected, 3) == taken.count && taken.truncated);
}

PLACED(main) int main(void) {
    sp_unwind_prepare();
    RUN(test_each_kind_of_frame_leads_to_its_caller);
    RUN(test_a_thousand_mixed_chains);
    RUN(test_all_but_special_frames_take_the_quick_way);
    RUN(test_what_has_not_changed_is_not_unwound_again);
    RUN(test_signed_return_addresses_are_met);
    RUN(test_a_thread_is_followed_to_its_beginning);
    RUN(test_callbacks_of_libc_are_followed);
    RUN(test_frame_pointers_lead_through_functions_without_a_table);
    RUN(test_without_frame_pointers_no_frame_is_made_up);
    RUN(test_a_frame_pointer_is_believed_if_it_leads_behind_a_call);
    RUN(test_a_frame_pointer_that_leads_to_no_pair_ends_the_stack);
    return EXIT_SUCCESS;
}
