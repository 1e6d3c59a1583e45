/* Merging two stacks into one: stacks made by hand for each rule, then random ones compared with a naive model. */
#include "merge.h"

#include "modules.h"
#include "support.h"

#include <string.h>

#define CAPACITY 64
#define UNREACHED UINT64_C(0x7fff00000000) /* an anchor that no frame contains */

/* Frame i of a native stack spans 1000 × i … 1000 × (i + 1) of the C stack. Its address shows whose code it is. */
#define SPAN 1000
#define USER(n) (UINT64_C(0x400000) + (n) * 16)
#define OWN(n) (UINT64_C(0x500000) + (n) * 16)
#define EVAL(n) (UINT64_C(0x600000) + (n) * 16)
#define GREENLET(n) (UINT64_C(0x700000) + (n) * 16)
#define REUSED(n) (UINT64_C(0x800000) + (n) * 16)
#define PYTHON(n) spprof_frame_interpreted(n, n)
#define ANCHOR(i) ((uint64_t)(i) * SPAN + SPAN / 2) /* inside frame i */

static bool is_own(uintptr_t address) {
    return address >= OWN(0) && address < EVAL(0);
}

static spprof_code_range evaluation = {EVAL(0), GREENLET(0)};

static uintptr_t addresses[CAPACITY], ends[CAPACITY];
static uint64_t frames[CAPACITY];
static sp_native_stack native = {.addresses = addresses, .ends = ends, .capacity = CAPACITY};
static sp_interpreter_stack interpreter = {.code = &evaluation, .code_count = 1};
static sp_merged_stack merged = {.frames = frames, .capacity = CAPACITY};

static void set_native(const uint64_t *words, size_t count) {
    native.count = count;
    for (size_t i = 0; i < count; i++) {
        addresses[i] = words[i];
        ends[i] = (i + 1) * SPAN;
    }
}

static void merge(const uint64_t *words, size_t count) {
    interpreter.words = words;
    interpreter.count = count;
    sp_merge(&native, &interpreter, is_own, &merged);
}

static void assert_merged(const uint64_t *expected, size_t count) {
    assert_int_equal(merged.count, count);
    for (size_t i = 0; i < count; i++) assert_int_equal(merged.frames[i], expected[i]);
}

#define LIST(...) ((const uint64_t[]){__VA_ARGS__}), sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t)
#define NATIVE(...) set_native(LIST(__VA_ARGS__))
#define MERGE(...) merge(LIST(__VA_ARGS__))
#define ASSERT_MERGED(...) assert_merged(LIST(__VA_ARGS__))

/* ---- Groups in place of frames ---- */

TEST(test_groups_stand_in_place_of_the_frames_that_hold_their_anchors) {
    NATIVE(USER(0), USER(1), EVAL(0), USER(2), EVAL(1), USER(3));
    MERGE(PYTHON(1), PYTHON(2), ANCHOR(2), PYTHON(3), ANCHOR(4));
    ASSERT_MERGED(USER(0), USER(1), PYTHON(1), PYTHON(2), USER(2), PYTHON(3), USER(3));
    assert_false(merged.depth_limited);
    assert_false(merged.whole);
}

TEST(test_any_frame_may_hold_an_anchor) {
    NATIVE(USER(0), USER(1), USER(2));
    MERGE(PYTHON(1), ANCHOR(0), PYTHON(2), ANCHOR(1), PYTHON(3), ANCHOR(2));
    ASSERT_MERGED(PYTHON(1), PYTHON(2), PYTHON(3));
}

TEST(test_a_frame_reaches_from_the_end_of_the_one_below_to_its_own) {
    const uint64_t inside[] = {2 * SPAN, 3 * SPAN - 1}, outside[] = {2 * SPAN - 1, 3 * SPAN};
    for (int i = 0; i < 2; i++) {
        NATIVE(USER(0), USER(1), USER(2), USER(3));
        MERGE(PYTHON(1), inside[i]);
        ASSERT_MERGED(USER(0), USER(1), PYTHON(1), USER(3));
        MERGE(PYTHON(1), outside[i]);
        if (i == 0) ASSERT_MERGED(USER(0), PYTHON(1), USER(2), USER(3));
        if (i == 1) ASSERT_MERGED(USER(0), USER(1), USER(2), PYTHON(1));
    }
}

/* A call of the evaluation loop that has not begun its first frame yet, or one that the interpreter made for itself. */
TEST(test_an_anchor_without_frames_takes_its_frame_away) {
    NATIVE(USER(0), EVAL(0), USER(1), EVAL(1), USER(2));
    MERGE(ANCHOR(1), PYTHON(1), ANCHOR(3));
    ASSERT_MERGED(USER(0), USER(1), PYTHON(1), USER(2));
}

TEST(test_two_groups_of_one_frame_take_two_frames) {
    NATIVE(USER(0), EVAL(0), USER(1));
    MERGE(PYTHON(1), ANCHOR(1), PYTHON(2), ANCHOR(1));
    ASSERT_MERGED(USER(0), PYTHON(1), USER(1), PYTHON(2));
}

TEST(test_without_interpreter_frames_the_native_ones_stand_alone) {
    NATIVE(USER(0), EVAL(0), USER(1));
    merge(NULL, 0);
    ASSERT_MERGED(USER(0), EVAL(0), USER(1));
}

TEST(test_without_native_frames_the_interpreters_stand_alone) {
    native.count = 0;
    MERGE(PYTHON(1), ANCHOR(1), PYTHON(2), 0, PYTHON(3));
    ASSERT_MERGED(PYTHON(1), PYTHON(2), PYTHON(3));
    merge(NULL, 0);
    assert_int_equal(merged.count, 0);
}

/* ---- Anchors that contain no information ---- */

TEST(test_an_anchor_of_zero_is_the_next_evaluation) {
    NATIVE(USER(0), EVAL(1), USER(1), EVAL(2), EVAL(3), USER(2));
    MERGE(PYTHON(1), PYTHON(2), 0, PYTHON(3), 0, 0);
    ASSERT_MERGED(USER(0), PYTHON(1), PYTHON(2), USER(1), PYTHON(3), USER(2));
}

TEST(test_evaluation_code_reaches_from_behind_its_start_to_its_end) {
    NATIVE(evaluation.start, evaluation.start + 1, evaluation.end, evaluation.end + 1);
    MERGE(PYTHON(1), 0, PYTHON(2), 0);
    ASSERT_MERGED(evaluation.start, PYTHON(1), PYTHON(2), evaluation.end + 1); /* return addresses: one past the call */
}

TEST(test_evaluation_code_may_lie_in_several_places) {
    static const spprof_code_range ranges[] = {{EVAL(0), EVAL(1)}, {USER(5), USER(6)}, {EVAL(8), EVAL(9)}};
    interpreter.code = ranges;
    interpreter.code_count = 3;
    NATIVE(EVAL(0) + 1, EVAL(2), USER(5) + 1, EVAL(9));
    MERGE(PYTHON(1), 0, PYTHON(2), 0, PYTHON(3), 0);
    ASSERT_MERGED(PYTHON(1), EVAL(2), PYTHON(2), PYTHON(3));
    interpreter.code_count = 0;
    MERGE(PYTHON(1), 0);
    ASSERT_MERGED(EVAL(0) + 1, EVAL(2), USER(5) + 1, EVAL(9), PYTHON(1));
}

/* ---- Anchors that no frame contains ---- */

TEST(test_groups_that_are_met_nowhere_come_last) {
    NATIVE(USER(0), EVAL(0), USER(1));
    MERGE(PYTHON(1), ANCHOR(1), PYTHON(2), UNREACHED, PYTHON(3));
    ASSERT_MERGED(USER(0), PYTHON(1), USER(1), PYTHON(2), PYTHON(3));
}

TEST(test_up_to_three_lost_anchors_hold_up_no_other) {
    NATIVE(USER(0), EVAL(0), USER(1));
    MERGE(PYTHON(1), UNREACHED, PYTHON(2), UNREACHED, UNREACHED, PYTHON(4), ANCHOR(1));
    ASSERT_MERGED(USER(0), PYTHON(1), PYTHON(2), PYTHON(4), USER(1));
    MERGE(PYTHON(1), UNREACHED, PYTHON(2), UNREACHED, UNREACHED, UNREACHED, PYTHON(4), ANCHOR(1));
    ASSERT_MERGED(USER(0), EVAL(0), USER(1), PYTHON(1), PYTHON(2), PYTHON(4));
}

TEST(test_frames_without_an_anchor_come_last) {
    NATIVE(USER(0), EVAL(0), USER(1));
    MERGE(PYTHON(1), PYTHON(2));
    ASSERT_MERGED(USER(0), EVAL(0), USER(1), PYTHON(1), PYTHON(2));
}

/* A signal stack may be above the interrupted stack: the frame that leads from one to the other is not a span. */
TEST(test_a_frame_that_leads_to_a_lower_stack_holds_no_anchor) {
    NATIVE(USER(0), USER(1), USER(2), EVAL(0), USER(3));
    const uintptr_t lower[] = {90 * SPAN, 91 * SPAN, 10 * SPAN, 11 * SPAN, 12 * SPAN};
    memcpy(ends, lower, sizeof lower);
    native.begin = 89 * SPAN;
    MERGE(PYTHON(1), 10 * SPAN + 8);
    ASSERT_MERGED(USER(0), USER(1), USER(2), PYTHON(1), USER(3));
    MERGE(PYTHON(1), 89 * SPAN, PYTHON(2), 90 * SPAN, PYTHON(3), 10 * SPAN + 8);
    ASSERT_MERGED(PYTHON(1), PYTHON(2), USER(2), PYTHON(3), USER(3));
}

/* ---- Our own frames ---- */

TEST(test_own_frames_and_what_they_called_are_left_out_at_the_leaf) {
    NATIVE(USER(0), OWN(0), USER(1), OWN(1), USER(2), EVAL(0), USER(3));
    MERGE(PYTHON(1), ANCHOR(5));
    ASSERT_MERGED(USER(2), PYTHON(1), USER(3));
    merge(NULL, 0);
    ASSERT_MERGED(USER(2), EVAL(0), USER(3));
}

TEST(test_own_frames_that_the_interpreter_calls_from_are_kept) {
    NATIVE(OWN(0), EVAL(0), OWN(1), USER(1), EVAL(1), OWN(2));
    MERGE(PYTHON(1), ANCHOR(1), PYTHON(2), ANCHOR(4));
    ASSERT_MERGED(PYTHON(1), OWN(1), USER(1), PYTHON(2), OWN(2));
}

TEST(test_an_empty_group_ends_the_leaf_too) {
    NATIVE(OWN(0), EVAL(0), OWN(1));
    MERGE(ANCHOR(1));
    ASSERT_MERGED(OWN(1));
}

/* ---- Coroutines ---- */

static void load_greenlet(void) {
    sp_object object = {.start = GREENLET(0), .end = GREENLET(100), .path = "/lib/_greenlet.cpython-311.so"};
    sp_modules_note(&object);
}

TEST(test_a_coroutines_stack_is_whole_where_greenlet_began_it) {
    load_greenlet();
    NATIVE(USER(0), EVAL(0), USER(1), GREENLET(1), USER(2), EVAL(1));
    MERGE(PYTHON(1), ANCHOR(1));
    ASSERT_MERGED(USER(0), PYTHON(1), USER(1), GREENLET(1));
    assert_true(merged.whole);
    MERGE(PYTHON(1), ANCHOR(1), PYTHON(2), ANCHOR(5)); /* frames are left over: it was called through greenlet */
    ASSERT_MERGED(USER(0), PYTHON(1), USER(1), GREENLET(1), USER(2), PYTHON(2));
    assert_false(merged.whole);
}

TEST(test_greenlet_itself_is_no_end_before_a_group_was_put_in) {
    load_greenlet();
    NATIVE(GREENLET(1), USER(0), GREENLET(2), USER(1));
    merge(NULL, 0);
    ASSERT_MERGED(GREENLET(1), USER(0), GREENLET(2), USER(1));
    assert_false(merged.whole);
    NATIVE(GREENLET(0), EVAL(0), GREENLET(100), USER(1)); /* return addresses: one past the call */
    MERGE(ANCHOR(1));
    ASSERT_MERGED(GREENLET(0), GREENLET(100));
    assert_true(merged.whole);
}

/* ---- Generations ---- */

TEST(test_frames_say_which_generation_of_their_place_they_belong_to) {
    sp_object object = {.start = REUSED(0), .end = REUSED(10), .path = "/lib/liba.so"};
    sp_modules_note(&object);
    object.path = "/lib/libb.so";
    NATIVE(REUSED(1), REUSED(10), REUSED(0), USER(1));
    merge(NULL, 0);
    ASSERT_MERGED(REUSED(1), REUSED(10), REUSED(0), USER(1));
    sp_modules_note(&object);
    const uint64_t generation = UINT64_C(1) << SPPROF_FRAME_GENERATION_SHIFT;
    merge(NULL, 0);
    ASSERT_MERGED(REUSED(1) | generation, REUSED(10) | generation, REUSED(0), USER(1));
}

/* ---- Memory shortages ---- */

TEST(test_what_does_not_fit_is_left_out_at_the_root) {
    NATIVE(OWN(0), USER(0), EVAL(0), USER(1));
    for (merged.capacity = 0; merged.capacity < 5; merged.capacity++) {
        const uint64_t whole[] = {USER(0), PYTHON(1), PYTHON(2), USER(1)};
        MERGE(PYTHON(1), PYTHON(2), ANCHOR(2));
        assert_merged(whole, merged.capacity);
        assert_int_equal(merged.depth_limited, merged.capacity < 4);
    }
}

TEST(test_own_frames_need_no_room) {
    NATIVE(USER(0), USER(1), USER(2), OWN(0), USER(3));
    merged.capacity = 1;
    merge(NULL, 0);
    ASSERT_MERGED(USER(3));
    assert_false(merged.depth_limited);
}

/* ---- Compared with a naive model ---- */

static uint64_t seed;
static uint64_t words[CAPACITY];

typedef struct group {
    uint64_t frames[CAPACITY], anchor;
    size_t count;
    bool has_anchor;
} group;

static group groups[CAPACITY];
static size_t group_count;

static uint64_t model[2 * CAPACITY];
static size_t model_count;
static bool model_whole;

static void add_to_model(const uint64_t *added, size_t count) {
    memcpy(model + model_count, added, count * sizeof *added);
    model_count += count;
}

static bool model_holds(size_t i, const group *candidate) {
    uintptr_t begin = i > 0 ? ends[i - 1] : native.begin;
    if (candidate->anchor == 0) return addresses[i] > evaluation.start && addresses[i] <= evaluation.end;
    return candidate->anchor >= begin && candidate->anchor < ends[i];
}

/* Return how many groups, from `first` on, replace frame i; 0 if none does. */
static size_t model_groups(size_t first, size_t i) {
    for (size_t ahead = 0; ahead < 4 && first + ahead < group_count; ahead++) {
        if (!groups[first + ahead].has_anchor) return 0;
        if (model_holds(i, &groups[first + ahead])) return ahead + 1;
    }
    return 0;
}

static void merge_naively(void) {
    size_t first = 0;
    bool any = false;
    model_count = 0;
    model_whole = false;
    for (size_t i = 0; i < native.count && !model_whole; i++) {
        size_t placed = model_groups(first, i);
        any = any || placed;
        for (size_t g = first; g < first + placed; g++) add_to_model(groups[g].frames, groups[g].count);
        first += placed;
        if (placed) continue;
        if (!any && is_own(addresses[i])) {
            model_count = 0;
            continue;
        }
        add_to_model(&(uint64_t){addresses[i]}, 1);
        model_whole = any && first == group_count && addresses[i] > GREENLET(0) && addresses[i] <= GREENLET(100);
    }
    for (size_t g = first; g < group_count; g++) add_to_model(groups[g].frames, groups[g].count);
}

static uint64_t random_code(void) {
    const uint64_t kinds[] = {USER(0), USER(0), USER(0), OWN(0), EVAL(0), EVAL(0), GREENLET(0)};
    bool early = random_below(&seed, 8) > 0; /* greenlet frames are rare */
    return kinds[random_below(&seed, early ? 6 : 7)] + random_below(&seed, 100);
}

static void make_native(void) {
    uintptr_t end = 0;
    native.count = random_below(&seed, 24);
    for (size_t i = 0; i < native.count; i++) {
        end += random_below(&seed, 3) * 100;
        if (random_below(&seed, 40) == 0) end = random_below(&seed, 1000);
        addresses[i] = random_code();
        ends[i] = end;
    }
}

static uint64_t random_anchor(void) {
    if (random_below(&seed, 3) == 0) return 0;
    return random_below(&seed, 8) == 0 ? UNREACHED : random_below(&seed, 2500);
}

static void make_groups(void) {
    size_t count = 0;
    group_count = random_below(&seed, 7);
    for (size_t g = 0; g < group_count; g++) {
        groups[g].count = random_below(&seed, 4);
        groups[g].has_anchor = g + 1 < group_count || random_below(&seed, 4);
        groups[g].anchor = random_anchor();
        if (!groups[g].has_anchor && groups[g].count == 0) groups[g].count = 1;
        for (size_t i = 0; i < groups[g].count; i++)
            words[count++] = groups[g].frames[i] = PYTHON(random_below(&seed, 1000));
        if (groups[g].has_anchor) words[count++] = groups[g].anchor;
    }
    interpreter.count = count;
}

static void merge_both_ways(void) {
    merged.capacity = random_below(&seed, 4) ? CAPACITY : random_below(&seed, 20);
    merge(words, interpreter.count);
    merge_naively();
    bool fits = model_count <= merged.capacity;
    assert_int_equal(merged.depth_limited, !fits);
    assert_int_equal(merged.whole, model_whole);
    assert_merged(model, fits ? model_count : merged.capacity);
}

TEST(test_random_stacks_are_merged_as_a_naive_model_does) {
    unsigned whole = 0, limited = 0;
    load_greenlet();
    for (int round = 0; round < 200000; round++) {
        make_native();
        make_groups();
        merge_both_ways();
        whole += merged.whole;
        limited += merged.depth_limited;
    }
    assert_true(whole > 1000 && limited > 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_groups_stand_in_place_of_the_frames_that_hold_their_anchors),
        cmocka_unit_test(test_any_frame_may_hold_an_anchor),
        cmocka_unit_test(test_a_frame_reaches_from_the_end_of_the_one_below_to_its_own),
        cmocka_unit_test(test_an_anchor_without_frames_takes_its_frame_away),
        cmocka_unit_test(test_two_groups_of_one_frame_take_two_frames),
        cmocka_unit_test(test_without_interpreter_frames_the_native_ones_stand_alone),
        cmocka_unit_test(test_without_native_frames_the_interpreters_stand_alone),
        cmocka_unit_test(test_an_anchor_of_zero_is_the_next_evaluation),
        cmocka_unit_test(test_evaluation_code_reaches_from_behind_its_start_to_its_end),
        cmocka_unit_test(test_evaluation_code_may_lie_in_several_places),
        cmocka_unit_test(test_groups_that_are_met_nowhere_come_last),
        cmocka_unit_test(test_up_to_three_lost_anchors_hold_up_no_other),
        cmocka_unit_test(test_frames_without_an_anchor_come_last),
        cmocka_unit_test(test_a_frame_that_leads_to_a_lower_stack_holds_no_anchor),
        cmocka_unit_test(test_own_frames_and_what_they_called_are_left_out_at_the_leaf),
        cmocka_unit_test(test_own_frames_that_the_interpreter_calls_from_are_kept),
        cmocka_unit_test(test_an_empty_group_ends_the_leaf_too),
        cmocka_unit_test(test_a_coroutines_stack_is_whole_where_greenlet_began_it),
        cmocka_unit_test(test_greenlet_itself_is_no_end_before_a_group_was_put_in),
        cmocka_unit_test(test_frames_say_which_generation_of_their_place_they_belong_to),
        cmocka_unit_test(test_what_does_not_fit_is_left_out_at_the_root),
        cmocka_unit_test(test_own_frames_need_no_room),
        cmocka_unit_test(test_random_stacks_are_merged_as_a_naive_model_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
