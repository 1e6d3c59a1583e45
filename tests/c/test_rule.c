/* A 32-bit rule describes a frame exactly as its row does, or says that it cannot. */
#include "rule.h"

#include "caller.h"
#include "support.h"

#define WORD 8
#define STACK_WORDS 512
#define OP_BREG(number) (0x70 + (number))
#define OP_DEREF 0x06

#if defined(__x86_64__)
#define RETURN_COLUMN SP_REGISTER_PC
#define OTHER_REGISTER 3 /* rbx */
#define RA_WORDS_LIMIT 2 /* only where the call pushed it */
#define FP_WORDS_LIMIT (INT64_C(1) << SP_RULE_FP_BITS)
#elif defined(__aarch64__)
#define RETURN_COLUMN SP_REGISTER_LR
#define OTHER_REGISTER 19
#define RA_WORDS_LIMIT (1 << SP_RULE_RA_BITS)
#define FP_WORDS_LIMIT 3 /* only below the return address */
#endif
#define CFA_WORDS_LIMIT (INT64_C(1) << (SP_RULE_CFA_BITS - 1))

static const sp_fde usual_fde = {.return_column = RETURN_COLUMN};

static void keep_at(sp_cfi_row *row, unsigned number, int64_t offset) {
    row->rules[number] = (sp_cfi_rule){.place = SP_CFI_AT_OFFSET, .offset = offset};
}

/* Return a row with CFA = register + offset and the return address in the word below the CFA. */
static sp_cfi_row row_with(unsigned cfa_register, int64_t cfa_offset) {
    sp_cfi_row row = {.cfa_register = cfa_register, .cfa_offset = cfa_offset};
    keep_at(&row, RETURN_COLUMN, -WORD);
    return row;
}

static sp_cfi_row row_with_expression(const uint8_t *bytes, uint32_t length) {
    sp_cfi_row row = {.cfa_is_expression = true, .cfa_length = length, .cfa_expression = bytes};
    keep_at(&row, RETURN_COLUMN, -WORD);
    return row;
}

static sp_rule_kind kind_of_row(const sp_cfi_row *row) {
    return sp_rule_kind_of(sp_rule_encode(row, &usual_fde));
}

static sp_rule_kind kind_of_expression(const uint8_t *bytes, uint32_t length) {
    sp_cfi_row row = row_with_expression(bytes, length);
    return kind_of_row(&row);
}
#define KIND_OF(...) kind_of_expression((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* ---- Rows that fit ---- */

static void assert_cfa_fits(unsigned cfa_register, sp_rule_kind kind, int64_t words) {
    sp_cfi_row row = row_with(cfa_register, words * WORD);
    sp_rule rule = sp_rule_encode(&row, &usual_fde);
    sp_frame frame = {.sp = 0x10000000, .fp = 0x20000000};
    uintptr_t from = kind == SP_RULE_FP ? frame.fp : frame.sp;
    assert_int_equal(sp_rule_kind_of(rule), kind);
    assert_int_equal(sp_rule_cfa(rule, &frame), from + (uintptr_t)(words * WORD));
}

TEST(test_offsets_of_the_cfa_fit_up_to_their_limits) {
    const int64_t fitting[] = {1, 2, 100, 0, -1, CFA_WORDS_LIMIT - 1, -CFA_WORDS_LIMIT};
    for (size_t i = 0; i < sizeof fitting / sizeof *fitting; i++) {
        assert_cfa_fits(SP_REGISTER_SP, SP_RULE_SP, fitting[i]);
        assert_cfa_fits(SP_REGISTER_FP, SP_RULE_FP, fitting[i]);
    }
}

TEST(test_a_huge_frame_is_evaluated) {
    const int64_t too_far[] = {CFA_WORDS_LIMIT, -CFA_WORDS_LIMIT - 1, CFA_WORDS_LIMIT * 2, INT64_MAX / WORD};
    for (size_t i = 0; i < sizeof too_far / sizeof *too_far; i++) {
        sp_cfi_row by_sp = row_with(SP_REGISTER_SP, too_far[i] * WORD);
        sp_cfi_row by_fp = row_with(SP_REGISTER_FP, too_far[i] * WORD);
        assert_int_equal(kind_of_row(&by_sp), SP_RULE_EVALUATE);
        assert_int_equal(kind_of_row(&by_fp), SP_RULE_EVALUATE);
    }
}

TEST(test_an_offset_within_a_word_is_evaluated) {
    for (int64_t offset = -7; offset < 8; offset++) {
        if (offset == 0) continue;
        sp_cfi_row row = row_with(SP_REGISTER_SP, 64 + offset);
        assert_int_equal(kind_of_row(&row), SP_RULE_EVALUATE);
        row = row_with(SP_REGISTER_SP, 64);
        keep_at(&row, SP_REGISTER_FP, -16 + offset);
        assert_int_equal(kind_of_row(&row), SP_RULE_EVALUATE);
        row = row_with(SP_REGISTER_SP, 64);
        keep_at(&row, RETURN_COLUMN, -16 + offset);
        assert_int_equal(kind_of_row(&row), SP_RULE_EVALUATE);
    }
}

static sp_rule_kind kind_with_fp_words(int64_t words) {
    sp_cfi_row row = row_with(SP_REGISTER_SP, 64);
    keep_at(&row, SP_REGISTER_FP, words * WORD);
    return kind_of_row(&row);
}

TEST(test_a_frame_pointer_is_kept_below_the_cfa_up_to_its_limit) {
#if defined(__x86_64__)
    assert_int_equal(kind_with_fp_words(-1), SP_RULE_SP);
#endif
    assert_int_equal(kind_with_fp_words(-2), SP_RULE_SP);
    assert_int_equal(kind_with_fp_words(-FP_WORDS_LIMIT + 1), SP_RULE_SP);
    assert_int_equal(kind_with_fp_words(-FP_WORDS_LIMIT), SP_RULE_EVALUATE);
    assert_int_equal(kind_with_fp_words(0), SP_RULE_EVALUATE); /* 0 words would mean "unchanged" */
    assert_int_equal(kind_with_fp_words(1), SP_RULE_EVALUATE);
    assert_int_equal(kind_with_fp_words(INT64_MIN / WORD), SP_RULE_EVALUATE);
}

TEST(test_a_frame_pointer_kept_in_another_way_is_evaluated) {
    sp_cfi_row row = row_with(SP_REGISTER_SP, 64);
    for (sp_cfi_place place = SP_CFI_UNSPECIFIED; place <= SP_CFI_IS_EXPRESSION; place++) {
        row.rules[SP_REGISTER_FP] = (sp_cfi_rule){.place = place};
        bool unchanged = place == SP_CFI_UNSPECIFIED || place == SP_CFI_SAME_VALUE;
        assert_int_equal(kind_of_row(&row), unchanged ? SP_RULE_SP : SP_RULE_EVALUATE);
    }
}

static sp_rule_kind kind_with_return_address(sp_cfi_place place, int64_t offset) {
    sp_cfi_row row = row_with(SP_REGISTER_SP, 64);
    row.rules[RETURN_COLUMN] = (sp_cfi_rule){.place = place, .offset = offset};
    return kind_of_row(&row);
}

TEST(test_a_return_address_elsewhere_is_evaluated) {
    assert_int_equal(kind_with_return_address(SP_CFI_AT_OFFSET, -WORD), SP_RULE_SP);
    assert_int_equal(kind_with_return_address(SP_CFI_AT_OFFSET, -(RA_WORDS_LIMIT - 1) * WORD), SP_RULE_SP);
    assert_int_equal(kind_with_return_address(SP_CFI_AT_OFFSET, -RA_WORDS_LIMIT * WORD), SP_RULE_EVALUATE);
    assert_int_equal(kind_with_return_address(SP_CFI_AT_OFFSET, 0), SP_RULE_EVALUATE);
    assert_int_equal(kind_with_return_address(SP_CFI_AT_OFFSET, WORD), SP_RULE_EVALUATE);
    assert_int_equal(kind_with_return_address(SP_CFI_UNSPECIFIED, 0), SP_RULE_EVALUATE);
    assert_int_equal(kind_with_return_address(SP_CFI_SAME_VALUE, 0), SP_RULE_EVALUATE);
    assert_int_equal(kind_with_return_address(SP_CFI_IN_REGISTER, 0), SP_RULE_EVALUATE);
    assert_int_equal(kind_with_return_address(SP_CFI_IS_OFFSET, -WORD), SP_RULE_EVALUATE);
}

TEST(test_an_undefined_return_address_is_the_end_whatever_else_the_row_says) {
    assert_int_equal(kind_with_return_address(SP_CFI_UNDEFINED, 0), SP_RULE_END);
    sp_cfi_row row = row_with(OTHER_REGISTER, 12345);
    row.rules[RETURN_COLUMN].place = SP_CFI_UNDEFINED;
    assert_int_equal(kind_of_row(&row), SP_RULE_END);
}

TEST(test_signal_frames_and_other_registers_are_evaluated) {
    sp_fde fde = usual_fde;
    fde.signal_frame = true;
    sp_cfi_row row = row_with(SP_REGISTER_SP, 64);
    assert_int_equal(sp_rule_kind_of(sp_rule_encode(&row, &fde)), SP_RULE_EVALUATE);
    keep_at(&row, SP_REGISTER_SP, -16);
    assert_int_equal(kind_of_row(&row), SP_RULE_EVALUATE);
    row = row_with(OTHER_REGISTER, 64);
    assert_int_equal(kind_of_row(&row), SP_RULE_EVALUATE);
    row = row_with(SP_REGISTER_COUNT + 9, 64);
    assert_int_equal(kind_of_row(&row), SP_RULE_EVALUATE);
}

TEST(test_a_return_column_that_is_not_counted_is_no_description) {
    sp_cfi_row row = row_with(SP_REGISTER_SP, 64);
    for (uint64_t column = SP_REGISTER_COUNT; column != 0; column *= 2) {
        sp_fde fde = {.return_column = column};
        assert_int_equal(sp_rule_kind_of(sp_rule_encode(&row, &fde)), SP_RULE_NO_TABLE);
    }
}

/* ---- Expressions ---- */

#define BREG_FP OP_BREG(SP_REGISTER_FP)

TEST(test_a_realigned_frame_is_a_load) {
    static const uint8_t realigned[] = {BREG_FP, 0x78, OP_DEREF}; /* −8 */
    sp_cfi_row row = row_with_expression(realigned, sizeof realigned);
    sp_rule rule = sp_rule_encode(&row, &usual_fde);
    sp_frame frame = {.sp = 0x1000, .fp = 0x2000};
    assert_int_equal(sp_rule_kind_of(rule), SP_RULE_FP_LOAD);
    assert_int_equal(sp_rule_cfa(rule, &frame), 0x2000 - 8);
}

TEST(test_loads_are_known_in_every_length_of_their_offset) {
#if defined(__x86_64__)
    assert_int_equal(KIND_OF(OP_BREG(SP_REGISTER_SP), 0x08, OP_DEREF), SP_RULE_SP_LOAD);
    assert_int_equal(KIND_OF(OP_BREG(SP_REGISTER_SP), 0x88, 0x80, 0x00, OP_DEREF), SP_RULE_SP_LOAD);
#endif
    assert_int_equal(KIND_OF(BREG_FP, 0x80, 0x01, OP_DEREF), SP_RULE_FP_LOAD); /* 128 */
    assert_int_equal(KIND_OF(BREG_FP, 0x80, 0x80, 0x78, OP_DEREF),
                     CFA_WORDS_LIMIT > 16383 ? SP_RULE_FP_LOAD : SP_RULE_EVALUATE);
    assert_int_equal(KIND_OF(BREG_FP, 0x80, 0x80, 0x80, 0x01, OP_DEREF), SP_RULE_EVALUATE);
}

TEST(test_other_expressions_are_evaluated) {
    static const uint8_t long_offset[] = {BREG_FP, 0xF8, 0xFF, 0xFF, 0xFF, 0xFF,    0xFF,
                                          0xFF,    0xFF, 0xFF, 0xFF, 0x7F, OP_DEREF};
    assert_int_equal(KIND_OF(BREG_FP, 0x78), SP_RULE_EVALUATE);
    assert_int_equal(KIND_OF(BREG_FP, 0x78, OP_DEREF, OP_DEREF), SP_RULE_EVALUATE);
    assert_int_equal(KIND_OF(BREG_FP, 0x78, 0x22), SP_RULE_EVALUATE);
    assert_int_equal(KIND_OF(BREG_FP, 0x79, OP_DEREF), SP_RULE_EVALUATE); /* −7 */
    assert_int_equal(KIND_OF(BREG_FP, 0xF8, 0x86), SP_RULE_EVALUATE);     /* its offset is unterminated */
    assert_int_equal(KIND_OF(OP_BREG(OTHER_REGISTER), 0x78, OP_DEREF), SP_RULE_EVALUATE);
    assert_int_equal(KIND_OF(OP_DEREF, 0x78, OP_DEREF), SP_RULE_EVALUATE);
    assert_int_equal(KIND_OF(BREG_FP), SP_RULE_EVALUATE);
    assert_int_equal(kind_of_expression(long_offset, sizeof long_offset), SP_RULE_EVALUATE);
    assert_int_equal(kind_of_expression(NULL, 0), SP_RULE_EVALUATE);
}

/* ---- Steps ---- */

static uintptr_t words[STACK_WORDS];

static sp_stack_memory whole_stack(void) {
    uintptr_t high = (uintptr_t)(words + STACK_WORDS);
    return (sp_stack_memory){.low = (uintptr_t)words, .high = high, .limit = high};
}

static bool step(const sp_cfi_row *row, sp_frame *frame) {
    sp_stack_memory stack = whole_stack();
    return sp_rule_step(sp_rule_encode(row, &usual_fde), frame, &stack);
}

TEST(test_a_step_takes_what_stands_below_the_cfa) {
    sp_cfi_row row = row_with(SP_REGISTER_SP, 5 * WORD);
    keep_at(&row, SP_REGISTER_FP, -2 * WORD);
    sp_frame frame = {.pc = 1, .sp = (uintptr_t)&words[10], .fp = 2};
    words[14] = 0x1234;
    words[13] = 0x5678;
    assert_true(step(&row, &frame));
    assert_int_equal(frame.pc, 0x1234);
    assert_int_equal(frame.fp, 0x5678);
    assert_ptr_equal(frame.sp, &words[15]);
}

TEST(test_a_step_leaves_an_unchanged_frame_pointer) {
    sp_cfi_row row = row_with(SP_REGISTER_SP, WORD);
    sp_frame frame = {.sp = (uintptr_t)&words[10], .fp = 2};
    assert_true(step(&row, &frame));
    assert_int_equal(frame.fp, 2);
}

TEST(test_a_realigned_frame_leads_to_the_stack_pointer_that_it_kept) {
    static const uint8_t realigned[] = {BREG_FP, 0x78, OP_DEREF};
    sp_cfi_row row = row_with_expression(realigned, sizeof realigned);
    sp_frame frame = {.sp = (uintptr_t)&words[10], .fp = (uintptr_t)&words[21]};
    words[20] = (uintptr_t)&words[40];
    words[39] = 0x1234;
    assert_true(step(&row, &frame));
    assert_int_equal(frame.pc, 0x1234);
    assert_ptr_equal(frame.sp, &words[40]);
    assert_ptr_equal(frame.fp, &words[21]);
}

TEST(test_a_caller_lies_above) {
    sp_frame frame = {.sp = (uintptr_t)&words[10], .fp = (uintptr_t)&words[10]};
    for (int64_t offset = -4; offset <= 4; offset++) {
        sp_cfi_row by_sp = row_with(SP_REGISTER_SP, offset * WORD), by_fp = row_with(SP_REGISTER_FP, offset * WORD);
        sp_frame one = frame, other = frame;
        assert_int_equal(step(&by_sp, &one), offset > 0);
        assert_int_equal(step(&by_fp, &other), offset > 0);
    }
}

TEST(test_a_step_outside_the_stack_fails) {
    sp_cfi_row row = row_with(SP_REGISTER_FP, WORD);
    const uintptr_t outside[] = {(uintptr_t)(words + STACK_WORDS),
                                 (uintptr_t)words + sizeof words - 7,
                                 1 << 20,
                                 UINTPTR_MAX - 7,
                                 UINTPTR_MAX - 8,
                                 UINTPTR_MAX,
                                 (uintptr_t)INTPTR_MAX};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        sp_frame frame = {.sp = (uintptr_t)words, .fp = outside[i]};
        assert_false(step(&row, &frame));
    }
    sp_frame frame = {.sp = (uintptr_t)words, .fp = (uintptr_t)&words[STACK_WORDS - 1]};
    assert_true(step(&row, &frame));
}

/* ---- Any row: the rule agrees with it ---- */

static uint64_t seed;

static int64_t random_offset(void) {
    int64_t offset = (int64_t)random_below(&seed, 64) - 24;
    switch (random_below(&seed, 12)) {
    case 0:
        return offset;
    case 1:
        return (int64_t)next_random(&seed);
    case 2:
        return ((int64_t)random_below(&seed, CFA_WORDS_LIMIT * 4) - CFA_WORDS_LIMIT * 2) * WORD;
    default:
        return offset * WORD;
    }
}

static sp_cfi_rule random_rule(void) {
    sp_cfi_place place = random_below(&seed, SP_CFI_IS_EXPRESSION + 1);
    if (random_below(&seed, 3)) place = SP_CFI_AT_OFFSET;
    sp_cfi_rule rule = {.place = place, .offset = random_offset()};
    if (place == SP_CFI_IN_REGISTER) rule.number = random_below(&seed, 100);
    if (place >= SP_CFI_AT_EXPRESSION) rule.expression = (const uint8_t *)"";
    return rule;
}

static const uint8_t expressions[][4] = {
    {BREG_FP, 0x78, OP_DEREF},
    {BREG_FP, 0x10, OP_DEREF},
    {BREG_FP, 0x80, 0x01, OP_DEREF},
    {BREG_FP, 0x77, OP_DEREF},
#if defined(__x86_64__)
    {OP_BREG(SP_REGISTER_SP), 0x08, OP_DEREF},
#endif
};

static sp_cfi_row random_row(void) {
    static const unsigned registers[] = {SP_REGISTER_SP, SP_REGISTER_FP, OTHER_REGISTER, SP_REGISTER_PC};
    sp_cfi_row row = row_with(registers[random_below(&seed, 16) % 9 % 4], random_offset());
    if (random_below(&seed, 4) == 0) {
        size_t which = random_below(&seed, sizeof expressions / sizeof *expressions);
        row = row_with_expression(expressions[which], expressions[which][2] == OP_DEREF ? 3 : 4);
    }
    if (random_below(&seed, 4)) row.rules[SP_REGISTER_FP] = random_rule();
    if (random_below(&seed, 8) == 0) row.rules[RETURN_COLUMN] = random_rule();
    if (random_below(&seed, 32) == 0) row.rules[SP_REGISTER_SP] = random_rule();
    return row;
}

static uintptr_t random_address(void) {
    if (random_below(&seed, 16) == 0) return next_random(&seed);
    return (uintptr_t)&words[random_below(&seed, STACK_WORDS)];
}

static void fill_stack(void) {
    for (size_t i = 0; i < STACK_WORDS; i++) words[i] = random_address();
}

/* Find the caller by the slow path, from the three registers that the fast path has. */
static sp_caller_result find_slowly(const sp_cfi_row *row, sp_frame *frame) {
    sp_registers registers = {.known = 0};
    sp_stack_memory stack = whole_stack();
    sp_registers_set(&registers, SP_REGISTER_PC, frame->pc);
    sp_registers_set(&registers, SP_REGISTER_SP, frame->sp);
    sp_registers_set(&registers, SP_REGISTER_FP, frame->fp);
    sp_caller_result result = sp_caller_find(row, &usual_fde, &registers, &stack);
    if (result != SP_CALLER_FOUND) return result;
    frame->pc = registers.value[SP_REGISTER_PC];
    frame->sp = registers.value[SP_REGISTER_SP];
    bool has_fp = sp_registers_get(&registers, SP_REGISTER_FP, &frame->fp);
    return has_fp ? SP_CALLER_FOUND : SP_CALLER_UNKNOWN; /* the fast path needs the frame pointer */
}

static void assert_same(const sp_frame *one, const sp_frame *other) {
    assert_int_equal(one->pc, other->pc);
    assert_int_equal(one->sp, other->sp);
    assert_int_equal(one->fp, other->fp);
}

static unsigned met[SP_RULE_NO_TABLE + 1], refused; /* rows by the kind of their rule; steps that found no caller */

static void compare_once(void) {
    sp_cfi_row row = random_row();
    sp_frame quick = {.pc = next_random(&seed), .sp = random_address(), .fp = random_address()}, slow = quick;
    uintptr_t sp = quick.sp;
    sp_rule_kind kind = kind_of_row(&row);
    sp_caller_result result = find_slowly(&row, &slow);
    met[kind]++;
    assert_int_equal(kind == SP_RULE_END, result == SP_CALLER_NONE);
    if (kind > SP_RULE_FP_LOAD) return;
    bool expected = result == SP_CALLER_FOUND && slow.sp > sp;
    assert_int_equal(step(&row, &quick), expected);
    if (expected)
        assert_same(&quick, &slow);
    else
        refused++;
}

TEST(test_a_million_rows_step_as_they_are_evaluated) {
    for (int round = 0; round < 1000000; round++) {
        if (round % 1000 == 0) fill_stack();
        compare_once();
    }
    assert_true(met[SP_RULE_SP] > 10000 && met[SP_RULE_FP] > 10000 && met[SP_RULE_FP_LOAD] > 10000);
    assert_true(met[SP_RULE_END] > 1000 && met[SP_RULE_EVALUATE] > 10000 && refused > 10000);
    assert_int_equal(met[SP_RULE_NONE] + met[SP_RULE_NO_TABLE], 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offsets_of_the_cfa_fit_up_to_their_limits),
        cmocka_unit_test(test_a_huge_frame_is_evaluated),
        cmocka_unit_test(test_an_offset_within_a_word_is_evaluated),
        cmocka_unit_test(test_a_frame_pointer_is_kept_below_the_cfa_up_to_its_limit),
        cmocka_unit_test(test_a_frame_pointer_kept_in_another_way_is_evaluated),
        cmocka_unit_test(test_a_return_address_elsewhere_is_evaluated),
        cmocka_unit_test(test_an_undefined_return_address_is_the_end_whatever_else_the_row_says),
        cmocka_unit_test(test_signal_frames_and_other_registers_are_evaluated),
        cmocka_unit_test(test_a_return_column_that_is_not_counted_is_no_description),
        cmocka_unit_test(test_a_realigned_frame_is_a_load),
        cmocka_unit_test(test_loads_are_known_in_every_length_of_their_offset),
        cmocka_unit_test(test_other_expressions_are_evaluated),
        cmocka_unit_test(test_a_step_takes_what_stands_below_the_cfa),
        cmocka_unit_test(test_a_step_leaves_an_unchanged_frame_pointer),
        cmocka_unit_test(test_a_realigned_frame_leads_to_the_stack_pointer_that_it_kept),
        cmocka_unit_test(test_a_caller_lies_above),
        cmocka_unit_test(test_a_step_outside_the_stack_fails),
        cmocka_unit_test(test_a_million_rows_step_as_they_are_evaluated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
