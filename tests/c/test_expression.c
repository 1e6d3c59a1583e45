/* DWARF expressions: every operation, expressions from real call frame tables, and every kind of error. */
#include "expression.h"

#include "dwarf_bytes.h"

/* Operations, numbered as in the standard. */
#define ADDR(value) 0x03, U8(value)
#define DEREF 0x06
#define CONST1U(value) 0x08, (value)
#define CONST1S(value) 0x09, (uint8_t)(value)
#define CONST2U(value) 0x0A, U2(value)
#define CONST2S(value) 0x0B, U2(value)
#define CONST4U(value) 0x0C, U4(value)
#define CONST4S(value) 0x0D, U4(value)
#define CONST8U(value) 0x0E, U8(value)
#define CONST8S(value) 0x0F, U8(value)
#define CONSTU(...) 0x10, __VA_ARGS__
#define CONSTS(...) 0x11, __VA_ARGS__
#define DUP 0x12
#define DROP 0x13
#define OVER 0x14
#define PICK(index) 0x15, (index)
#define SWAP 0x16
#define ROT 0x17
#define ABS 0x19
#define AND 0x1A
#define DIV 0x1B
#define MINUS 0x1C
#define MOD 0x1D
#define MUL 0x1E
#define NEG 0x1F
#define NOT 0x20
#define OR 0x21
#define PLUS 0x22
#define PLUS_UCONST(...) 0x23, __VA_ARGS__
#define SHL 0x24
#define SHR 0x25
#define SHRA 0x26
#define XOR 0x27
#define BRA(distance) 0x28, U2(distance)
#define EQ 0x29
#define GE 0x2A
#define GT 0x2B
#define LE 0x2C
#define LT 0x2D
#define NE 0x2E
#define SKIP(distance) 0x2F, U2(distance)
#define LIT(value) (0x30 + (value))
#define REG(number) (0x50 + (number))
#define BREG(number, ...) (0x70 + (number)), __VA_ARGS__
#define BREGX(number, ...) 0x92, (number), __VA_ARGS__
#define DEREF_SIZE(size) 0x94, (size)
#define NOP 0x96

#define LEAST CONST8U(UINT64_C(1) << 63)
#define STACK_SLOTS 8

/* The simulated program's stack and registers. Register 1 points at the stack's first word, and register 2 is
 * unknown. */
static uintptr_t *slots;
static sp_stack_memory memory;
static sp_registers registers;

static void set_up(void) {
    uintptr_t words[STACK_SLOTS];
    for (unsigned i = 0; i < STACK_SLOTS; i++) words[i] = UINT64_C(0x8877665544332200) + i;
    slots = (uintptr_t *)(void *)copy_before_a_guard(words, sizeof words);
    uintptr_t low = (uintptr_t)slots, high = low + sizeof words;
    memory = (sp_stack_memory){.low = low, .high = high, .limit = high};
    for (unsigned i = 0; i < SP_REGISTER_COUNT; i++) sp_registers_set(&registers, i, 1000 * i);
    sp_registers_set(&registers, 1, low);
    registers.known &= ~UINT64_C(4);
}

static bool evaluate(const uint8_t *bytes, size_t size, const uintptr_t *initial, uintptr_t *result) {
    const uint8_t *copy = copy_before_a_guard(bytes, size);
    return sp_expression_evaluate(copy, (uint32_t)size, &registers, initial, &memory, result);
}

#define assert_value(expected, ...)                                                                                    \
    do {                                                                                                               \
        const uint8_t bytes[] = {__VA_ARGS__};                                                                         \
        uintptr_t result = 0x5A5A;                                                                                     \
        assert_true(evaluate(bytes, sizeof bytes, NULL, &result));                                                     \
        assert_int_equal(result, expected);                                                                            \
    } while (0)

#define assert_refused(...)                                                                                            \
    do {                                                                                                               \
        const uint8_t bytes[] = {__VA_ARGS__};                                                                         \
        uintptr_t result;                                                                                              \
        assert_false(evaluate(bytes, sizeof bytes, NULL, &result));                                                    \
    } while (0)

/* ---- Pushing ---- */

TEST(test_literals_and_constants) {
    set_up();
    for (uint8_t i = 0; i < 32; i++) assert_value(i, LIT(i));
    assert_value(0xFE, CONST1U(0xFE));
    assert_value((uintptr_t)-2, CONST1S(0xFE));
    assert_value(0xFFFE, CONST2U(0xFFFE));
    assert_value((uintptr_t)-2, CONST2S(0xFFFE));
    assert_value(0xFFFFFFFE, CONST4U(0xFFFFFFFE));
    assert_value((uintptr_t)-2, CONST4S(0xFFFFFFFE));
    assert_value(0x1122334455667788, CONST8U(0x1122334455667788));
    assert_value(UINT64_MAX - 1, CONST8S(UINT64_MAX - 1));
    assert_value(624485, CONSTU(0xE5, 0x8E, 0x26));
    assert_value((uintptr_t)-123456, CONSTS(0xC0, 0xBB, 0x78));
}

TEST(test_registers_with_an_offset) {
    set_up();
    for (uint8_t i = 0; i < SP_REGISTER_COUNT && i < 32; i++) {
        if (i == 2) continue;
        assert_value(registers.value[i] + 63, BREG(i, 0x3F));
        assert_value(registers.value[i] - 65, BREG(i, 0xBF, 0x7F));
    }
    for (uint8_t i = 0; i < SP_REGISTER_COUNT; i++)
        if (i != 2) assert_value(registers.value[i] + 1, BREGX(i, 1));
    assert_value(1000 * SP_REGISTER_PC, BREGX(SP_REGISTER_PC, 0));
}

TEST(test_registers_that_are_not_known_are_refused) {
    set_up();
    assert_refused(BREG(2, 0));
    assert_refused(BREGX(2, 0));
    assert_refused(BREGX(SP_REGISTER_COUNT, 0));
    assert_refused(BREGX(0x7F, 0));
    assert_refused(0x92, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01, 0);
}

TEST(test_the_initial_word_lies_below_all_others) {
    set_up();
    uintptr_t initial = 77, result;
    const uint8_t plus_one[] = {PLUS_UCONST(1)}, over[] = {LIT(5), MINUS};
    assert_true(evaluate(plus_one, sizeof plus_one, &initial, &result));
    assert_int_equal(result, 78);
    assert_true(evaluate(over, sizeof over, &initial, &result));
    assert_int_equal(result, 72);
    assert_true(evaluate(over, 0, &initial, &result));
    assert_int_equal(result, 77);
    assert_false(evaluate(plus_one, sizeof plus_one, NULL, &result));
    assert_false(evaluate(over, 0, NULL, &result));
}

/* ---- Moving ---- */

TEST(test_words_are_copied_dropped_and_moved) {
    set_up();
    assert_value(14, LIT(7), DUP, PLUS);
    assert_value(7, LIT(7), LIT(8), DROP);
    assert_value(7, LIT(7), LIT(8), OVER);
    for (uint8_t i = 0; i < 4; i++) assert_value(4 - i, LIT(1), LIT(2), LIT(3), LIT(4), PICK(i));
    assert_value(3, LIT(5), LIT(8), SWAP, MINUS);
    assert_value(2, LIT(1), LIT(2), LIT(3), ROT);             /* 3 1 2 */
    assert_value(1, LIT(1), LIT(2), LIT(3), ROT, DROP);       /* 3 1 */
    assert_value(3, LIT(1), LIT(2), LIT(3), ROT, DROP, DROP); /* 3 */
}

TEST(test_words_that_are_not_there_are_refused) {
    set_up();
    assert_refused(DUP);
    assert_refused(DROP);
    assert_refused(LIT(1), DROP); /* no value is left as the result */
    assert_refused(LIT(1), OVER);
    assert_refused(LIT(1), LIT(2), PICK(2));
    assert_refused(LIT(1), SWAP);
    assert_refused(LIT(1), LIT(2), ROT);
    assert_refused(ABS);
    assert_refused(NEG);
    assert_refused(NOT);
    assert_refused(DEREF);
    assert_refused(PLUS_UCONST(1));
    assert_refused(BRA(0), LIT(1));
    static const uint8_t binary[] = {AND, DIV, MINUS, MOD, MUL, OR, PLUS, SHL, SHR, SHRA, XOR, EQ, GE, GT, LE, LT, NE};
    for (size_t i = 0; i < sizeof binary; i++) assert_refused(LIT(1), binary[i]);
}

TEST(test_sixty_four_words_fit) {
    set_up();
    uint8_t bytes[66];
    memset(bytes, LIT(9), sizeof bytes);
    uintptr_t initial = 0, result;
    assert_true(evaluate(bytes, 64, NULL, &result));
    assert_int_equal(result, 9);
    assert_false(evaluate(bytes, 65, NULL, &result));
    assert_true(evaluate(bytes, 63, &initial, &result));
    assert_false(evaluate(bytes, 64, &initial, &result));
}

/* ---- Memory ---- */

TEST(test_words_are_loaded_from_the_stack) {
    set_up();
    assert_value(slots[0], BREG(1, 0), DEREF);
    assert_value(slots[STACK_SLOTS - 1], BREG(1, 8 * (STACK_SLOTS - 1)), DEREF);
    assert_value(slots[1] >> 8 | slots[2] << 56, BREG(1, 9), DEREF);
    assert_value(0x01, BREG(1, 8), DEREF_SIZE(1));
    assert_value(0x2201, BREG(1, 8), DEREF_SIZE(2));
    assert_value(0x332201, BREG(1, 8), DEREF_SIZE(3));
    assert_value(0x44332201, BREG(1, 8), DEREF_SIZE(4));
    assert_value(slots[1], BREG(1, 8), DEREF_SIZE(8));
}

TEST(test_loads_outside_of_the_stack_are_refused) {
    set_up();
    assert_refused(BREG(1, 0x7F), DEREF); /* one byte below */
    assert_refused(BREG(1, 8 * (STACK_SLOTS - 1) + 1), DEREF);
    assert_refused(BREG(1, 8 * (STACK_SLOTS - 1) + 1), DEREF_SIZE(1)); /* the whole word must be readable */
    assert_refused(LIT(0), DEREF);
    assert_refused(LIT(0), NOT, DEREF);
    assert_refused(BREG(1, 0), DEREF_SIZE(0));
    assert_refused(BREG(1, 0), DEREF_SIZE(9));
    assert_refused(BREG(1, 0), DEREF_SIZE(255));
}

/* ---- Arithmetic ---- */

TEST(test_arithmetic_wraps_around) {
    set_up();
    assert_value(5, CONST1S(-5), ABS);
    assert_value(5, LIT(5), ABS);
    assert_value(UINT64_C(1) << 63, LEAST, ABS);
    assert_value((uintptr_t)-5, LIT(5), NEG);
    assert_value(~UINT64_C(5), LIT(5), NOT);
    assert_value(0x0C & 0x0A, LIT(0x0C), LIT(0x0A), AND);
    assert_value(0x0C | 0x0A, LIT(0x0C), LIT(0x0A), OR);
    assert_value(0x0C ^ 0x0A, LIT(0x0C), LIT(0x0A), XOR);
    assert_value(3, CONST1S(-2), LIT(5), PLUS);
    assert_value((uintptr_t)-3, LIT(2), LIT(5), MINUS);
    assert_value((uintptr_t)-10, CONST1S(-2), LIT(5), MUL);
    assert_value(0, LEAST, LIT(2), MUL);
    assert_value(205, LIT(5), PLUS_UCONST(0xC8, 0x01));
    assert_value(4, LIT(5), PLUS_UCONST(0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01));
}

TEST(test_division_is_signed_and_the_remainder_is_not) {
    set_up();
    assert_value((uintptr_t)-3, CONST1S(-17), LIT(5), DIV);
    assert_value((uintptr_t)-17, LIT(17), CONST1S(-1), DIV);
    assert_value(UINT64_C(1) << 63, LEAST, CONST1S(-1), DIV);
    assert_value(2, LIT(17), LIT(5), MOD);
    assert_value((UINT64_MAX - 16) % 5, CONST1S(-17), LIT(5), MOD);
    assert_refused(LIT(17), LIT(0), DIV);
    assert_refused(LIT(17), LIT(0), MOD);
}

TEST(test_shifts_of_a_word_and_more) {
    set_up();
    assert_value(40, LIT(5), LIT(3), SHL);
    assert_value(UINT64_C(1) << 63, LIT(3), CONST1U(63), SHL);
    assert_value(5, CONST1U(40), LIT(3), SHR);
    assert_value(1, LEAST, CONST1U(63), SHR);
    assert_value((uintptr_t)-5, CONST1S(-40), LIT(3), SHRA);
    assert_value(5, CONST1U(40), LIT(3), SHRA);
    for (unsigned count = 64; count < 256; count += 64) {
        assert_value(0, LIT(5), CONST1U(count), SHL);
        assert_value(0, LEAST, CONST1U(count), SHR);
        assert_value(UINT64_MAX, LEAST, CONST1U(count), SHRA);
        assert_value(0, LIT(5), CONST1U(count), SHRA);
    }
    assert_value(0, LIT(5), LIT(0), NOT, SHL);
}

TEST(test_comparisons_are_signed) {
    static const uint8_t operations[] = {EQ, GE, GT, LE, LT, NE};
    static const uint8_t of_less[] = {0, 0, 0, 1, 1, 1}, of_equal[] = {1, 1, 0, 1, 0, 0},
                         of_more[] = {0, 1, 1, 0, 0, 1};
    set_up();
    for (size_t i = 0; i < sizeof operations; i++) {
        assert_value(of_less[i], CONST1S(-2), LIT(1), operations[i]);
        assert_value(of_equal[i], CONST1S(-2), CONST1S(-2), operations[i]);
        assert_value(of_more[i], LIT(1), CONST1S(-2), operations[i]);
    }
}

/* ---- Jumps ---- */

TEST(test_jumps_forward_and_back) {
    set_up();
    assert_value(1, LIT(1), SKIP(1), LIT(2));
    assert_value(2, LIT(1), SKIP(0), LIT(2));
    assert_value(2, LIT(1), LIT(0), BRA(1), LIT(2));
    assert_value(1, LIT(1), LIT(5), BRA(1), LIT(2));
    assert_value(7, LIT(7), SKIP(0)); /* just after the last operation */
    /* Computes 3 · 2⁴, with a counter on top of the product. */
    assert_value(48, LIT(3), LIT(4), SWAP, LIT(1), SHL, SWAP, LIT(1), MINUS, DUP, BRA(-10), DROP);
}

TEST(test_jumps_out_of_the_expression_are_refused) {
    set_up();
    assert_refused(LIT(1), SKIP(1));
    assert_refused(LIT(1), SKIP(0x7FFF));
    assert_refused(LIT(1), SKIP(-5));
    assert_refused(LIT(1), SKIP(-0x8000));
    assert_refused(LIT(1), LIT(1), BRA(-6));
    assert_value(1, LIT(1), LIT(0), BRA(-6)); /* jump not taken */
}

/* If it were read, the byte before the expression would end it correctly. */
TEST(test_a_jump_to_the_byte_before_the_expression_is_refused) {
    set_up();
    const uint8_t *copy = copy_before_a_guard((uint8_t[]){LIT(0), BRA(-4), LIT(7)}, 5);
    uintptr_t taken = 1, not_taken = 0, result;
    assert_false(sp_expression_evaluate(copy + 1, 4, &registers, &taken, &memory, &result));
    assert_true(sp_expression_evaluate(copy + 1, 4, &registers, &not_taken, &memory, &result));
    assert_int_equal(result, 7);
}

TEST(test_a_loop_without_end_is_left) {
    set_up();
    assert_refused(LIT(1), SKIP(-3));
    assert_refused(LIT(1), DUP, BRA(-4));
}

TEST(test_the_number_of_operations_is_bounded) {
    set_up();
    uint8_t bytes[SP_EXPRESSION_STEPS + 1];
    uintptr_t result;
    memset(bytes, NOP, sizeof bytes);
    bytes[0] = LIT(3);
    assert_true(evaluate(bytes, SP_EXPRESSION_STEPS, NULL, &result));
    assert_int_equal(result, 3);
    assert_false(evaluate(bytes, SP_EXPRESSION_STEPS + 1, NULL, &result));
}

/* ---- Operations that are always refused ---- */

static bool is_an_operation(unsigned code) {
    bool known = code == 0x06 || (code >= 0x08 && code <= 0x17) || (code >= 0x19 && code <= 0x4F) ||
                 (code >= 0x70 && code <= 0x8F) || code == 0x92 || code == 0x94 || code == 0x96;
    return known;
}

TEST(test_operations_that_mean_nothing_in_frame_tables_are_refused) {
    set_up();
    for (unsigned code = 0; code < 256; code++)
        if (!is_an_operation(code)) assert_refused(LIT(1), LIT(1), LIT(1), (uint8_t)code, NOP, NOP, NOP, NOP, NOP);
    assert_refused(ADDR(1));
    assert_refused(REG(1));
}

TEST(test_operands_that_are_cut_off_are_refused) {
    static const struct {
        uint8_t size, bytes[12];
    } cases[] = {
        {2, {CONST1U(1)}},       {2, {CONST1S(1)}},
        {3, {CONST2U(1)}},       {3, {CONST2S(1)}},
        {5, {CONST4U(1)}},       {5, {CONST4S(1)}},
        {9, {CONST8U(1)}},       {9, {CONST8S(1)}},
        {3, {CONSTU(0x80, 1)}},  {3, {CONSTS(0x80, 1)}},
        {3, {BREG(0, 0x80, 1)}}, {4, {BREGX(0, 0x80, 1)}},
        {3, {LIT(1), PICK(0)}},  {4, {LIT(1), PLUS_UCONST(0x80, 1)}},
        {4, {LIT(1), SKIP(0)}},
    };
    set_up();
    for (size_t i = 0; i < LENGTH(cases); i++) {
        uintptr_t result;
        size_t operation = cases[i].bytes[0] == LIT(1) ? 1 : 0;
        assert_true(evaluate(cases[i].bytes, cases[i].size, NULL, &result));
        for (size_t size = operation + 1; size < cases[i].size; size++)
            assert_false(evaluate(cases[i].bytes, size, NULL, &result));
    }
    assert_refused(BREG(1, 0), 0x94);
    assert_refused(LIT(0), 0x28, 0);
}

/* ---- From real tables ---- */

#if defined(__x86_64__)
/* An entry of the PLT: it has 16 bytes, and the push comes before byte 11. */
TEST(test_the_cfa_in_a_procedure_linkage_table) {
    set_up();
    for (uintptr_t pc = 0x401020; pc < 0x401030; pc++) {
        sp_registers_set(&registers, SP_REGISTER_PC, pc);
        assert_value(registers.value[7] + 8 + (pc % 16 >= 11 ? 8 : 0), BREG(7, 8), BREG(16, 0), LIT(15), AND, LIT(11),
                     GE, LIT(3), SHL, PLUS);
    }
}
#endif

/* A function of libcrypto that stores its caller's stack pointer in its frame. */
TEST(test_a_cfa_that_is_kept_in_the_frame) {
    set_up();
    slots[3] = 0x7000;
    assert_value(0x7008, BREG(1, 24), DEREF, PLUS_UCONST(8));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_literals_and_constants),
        cmocka_unit_test(test_registers_with_an_offset),
        cmocka_unit_test(test_registers_that_are_not_known_are_refused),
        cmocka_unit_test(test_the_initial_word_lies_below_all_others),
        cmocka_unit_test(test_words_are_copied_dropped_and_moved),
        cmocka_unit_test(test_words_that_are_not_there_are_refused),
        cmocka_unit_test(test_sixty_four_words_fit),
        cmocka_unit_test(test_words_are_loaded_from_the_stack),
        cmocka_unit_test(test_loads_outside_of_the_stack_are_refused),
        cmocka_unit_test(test_arithmetic_wraps_around),
        cmocka_unit_test(test_division_is_signed_and_the_remainder_is_not),
        cmocka_unit_test(test_shifts_of_a_word_and_more),
        cmocka_unit_test(test_comparisons_are_signed),
        cmocka_unit_test(test_jumps_forward_and_back),
        cmocka_unit_test(test_jumps_out_of_the_expression_are_refused),
        cmocka_unit_test(test_a_jump_to_the_byte_before_the_expression_is_refused),
        cmocka_unit_test(test_a_loop_without_end_is_left),
        cmocka_unit_test(test_the_number_of_operations_is_bounded),
        cmocka_unit_test(test_operations_that_mean_nothing_in_frame_tables_are_refused),
        cmocka_unit_test(test_operands_that_are_cut_off_are_refused),
#if defined(__x86_64__)
        cmocka_unit_test(test_the_cfa_in_a_procedure_linkage_table),
#endif
        cmocka_unit_test(test_a_cfa_that_is_kept_in_the_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
