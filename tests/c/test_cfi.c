/* Call frame instructions: how each one changes the row, from which address on, and which ones are refused. */
#include "cfi.h"

#include "dwarf_bytes.h"

/* Instructions, numbered as in the standard. */
#define NOP 0x00
#define SET_LOC(address) 0x01, U8(address)
#define ADVANCE1(delta) 0x02, (delta)
#define ADVANCE2(delta) 0x03, U2(delta)
#define ADVANCE4(delta) 0x04, U4(delta)
#define OFFSET_EXTENDED(number, ...) 0x05, (number), __VA_ARGS__
#define RESTORE_EXTENDED(number) 0x06, (number)
#define UNDEFINED(number) 0x07, (number)
#define SAME_VALUE(number) 0x08, (number)
#define REGISTER(number, other) 0x09, (number), (other)
#define REMEMBER_STATE 0x0A
#define RESTORE_STATE 0x0B
#define DEF_CFA(number, ...) 0x0C, (number), __VA_ARGS__
#define DEF_CFA_REGISTER(number) 0x0D, (number)
#define DEF_CFA_OFFSET(...) 0x0E, __VA_ARGS__
#define DEF_CFA_EXPRESSION(length, ...) 0x0F, (length), __VA_ARGS__
#define EXPRESSION(number, length, ...) 0x10, (number), (length), __VA_ARGS__
#define OFFSET_EXTENDED_SF(number, ...) 0x11, (number), __VA_ARGS__
#define DEF_CFA_SF(number, ...) 0x12, (number), __VA_ARGS__
#define DEF_CFA_OFFSET_SF(...) 0x13, __VA_ARGS__
#define VAL_OFFSET(number, ...) 0x14, (number), __VA_ARGS__
#define VAL_OFFSET_SF(number, ...) 0x15, (number), __VA_ARGS__
#define VAL_EXPRESSION(number, length, ...) 0x16, (number), (length), __VA_ARGS__
#define ADVANCE8(delta) 0x1D, U8(delta)
#define NEGATE_RA_STATE_WITH_PC 0x2C
#define NEGATE_RA_STATE 0x2D
#define ARGS_SIZE(...) 0x2E, __VA_ARGS__
#define NEGATIVE_OFFSET_EXTENDED(number, ...) 0x2F, (number), __VA_ARGS__
#define ADVANCE(delta) (0x40 | (delta))
#define OFFSET(number, ...) (0x80 | (number)), __VA_ARGS__
#define RESTORE(number) (0xC0 | (number))

#define PC UINT64_C(0x400000)
#define PC_END (PC + 0x1000)
#define VECTOR 64 /* a register that is not tracked */
#define LEAST_SLEB 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7F

/* A function whose CIE and FDE contain these programs, one after another, just before an unreadable page. */
static sp_eh_image image;
static sp_fde fde;
static struct {
    sp_cfi_row row;
    sp_cfi_rule behind; /* the location of an untracked register's rule, if there were one */
} result;
#define row result.row

static void set_programs(const uint8_t *cie, size_t cie_size, const uint8_t *own, size_t own_size) {
    uint8_t both[4096];
    CHECK(cie_size + own_size <= sizeof both);
    memcpy(both, cie, cie_size);
    memcpy(both + cie_size, own, own_size);
    const uint8_t *copy = copy_before_a_guard(both, cie_size + own_size);
    image = (sp_eh_image){.start = copy, .end = copy + cie_size + own_size, .header = copy};
    fde = (sp_fde){.pc_start = PC,
                   .pc_end = PC_END,
                   .cie_program = copy,
                   .cie_program_end = copy + cie_size,
                   .fde_program = copy + cie_size,
                   .fde_program_end = image.end,
                   .code_alignment = 1,
                   .data_alignment = -8,
                   .return_column = SP_REGISTER_PC};
}

static const uint8_t usual_cie[] = {DEF_CFA(7, 8), OFFSET(SP_REGISTER_PC, 1)};

#define SET_PROGRAM(...)                                                                                               \
    set_programs(usual_cie, sizeof usual_cie, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static bool row_at(uintptr_t pc) {
    return sp_cfi_row_at(&image, &fde, pc, &row);
}

#define assert_row(pc, ...)                                                                                            \
    do {                                                                                                               \
        SET_PROGRAM(__VA_ARGS__);                                                                                      \
        assert_true(row_at(pc));                                                                                       \
    } while (0)

#define assert_refused(...)                                                                                            \
    do {                                                                                                               \
        SET_PROGRAM(__VA_ARGS__);                                                                                      \
        assert_false(row_at(PC));                                                                                      \
    } while (0)

static void assert_cfa(uint64_t number, int64_t offset) {
    assert_false(row.cfa_is_expression);
    assert_int_equal(row.cfa_register, number);
    assert_int_equal(row.cfa_offset, offset);
}

static void assert_rule(unsigned number, sp_cfi_place place, int64_t offset) {
    assert_int_equal(row.rules[number].place, place);
    assert_int_equal(row.rules[number].offset, offset);
}

static void assert_row_is(const sp_cfi_row *other) {
    assert_int_equal(row.cfa_is_expression, other->cfa_is_expression);
    assert_int_equal(row.return_address_signed, other->return_address_signed);
    assert_cfa(other->cfa_register, other->cfa_offset);
    assert_memory_equal(row.rules, other->rules, sizeof row.rules);
}

/* ---- CFA ---- */

TEST(test_the_cie_speaks_first) {
    SET_PROGRAM(NOP);
    fde.fde_program_end = fde.fde_program;
    assert_true(row_at(PC));
    assert_cfa(7, 8);
    assert_rule(SP_REGISTER_PC, SP_CFI_AT_OFFSET, -8);
    for (unsigned i = 0; i < SP_REGISTER_COUNT; i++)
        if (i != SP_REGISTER_PC) assert_int_equal(row.rules[i].place, SP_CFI_UNSPECIFIED);
    assert_false(row.return_address_signed);
}

TEST(test_the_cfa_is_a_register_and_an_offset) {
    assert_row(PC, DEF_CFA(6, 0x80, 0x01));
    assert_cfa(6, 128);
    assert_row(PC, DEF_CFA_SF(6, 0x7E));
    assert_cfa(6, 16);
    assert_row(PC, DEF_CFA_REGISTER(6));
    assert_cfa(6, 8);
    assert_row(PC, DEF_CFA_OFFSET(0x80, 0x01));
    assert_cfa(7, 128);
    assert_row(PC, DEF_CFA_OFFSET_SF(0x02));
    assert_cfa(7, -16);
    assert_row(PC, DEF_CFA(VECTOR, 0));
    assert_cfa(VECTOR, 0);
}

TEST(test_the_cfa_is_an_expression_until_it_is_defined_anew) {
    assert_row(PC, DEF_CFA_EXPRESSION(3, 0x77, 0x08, 0x06));
    assert_true(row.cfa_is_expression);
    assert_int_equal(row.cfa_length, 3);
    assert_ptr_equal(row.cfa_expression, fde.fde_program + 2);
    assert_row(PC, DEF_CFA_EXPRESSION(1, 0x30), DEF_CFA(6, 16));
    assert_cfa(6, 16);
    assert_row(PC, DEF_CFA_EXPRESSION(1, 0x30), DEF_CFA_SF(6, 0x7E));
    assert_cfa(6, 16);
    assert_refused(DEF_CFA_EXPRESSION(1, 0x30), DEF_CFA_REGISTER(6));
    assert_refused(DEF_CFA_EXPRESSION(1, 0x30), DEF_CFA_OFFSET(16));
    assert_refused(DEF_CFA_EXPRESSION(1, 0x30), DEF_CFA_OFFSET_SF(16));
}

TEST(test_a_row_without_cfa_is_refused) {
    static const uint8_t own[] = {NOP}, half[] = {DEF_CFA_OFFSET(8)}, other_half[] = {DEF_CFA_REGISTER(7)};
    set_programs(own, 0, own, sizeof own);
    assert_false(row_at(PC));
    set_programs(own, 0, half, sizeof half);
    assert_false(row_at(PC));
    set_programs(half, sizeof half, other_half, sizeof other_half);
    assert_true(row_at(PC));
    assert_cfa(7, 8);
}

/* ---- Rules ---- */

TEST(test_registers_saved_at_an_offset_from_the_cfa) {
    assert_row(PC, OFFSET(3, 0x03));
    assert_rule(3, SP_CFI_AT_OFFSET, -24);
    assert_row(PC, OFFSET(3, 0x80, 0x01));
    assert_rule(3, SP_CFI_AT_OFFSET, -1024);
    assert_row(PC, OFFSET_EXTENDED(3, 0x03));
    assert_rule(3, SP_CFI_AT_OFFSET, -24);
    assert_row(PC, OFFSET_EXTENDED_SF(3, 0x7D));
    assert_rule(3, SP_CFI_AT_OFFSET, 24);
    assert_row(PC, NEGATIVE_OFFSET_EXTENDED(3, 0x03));
    assert_rule(3, SP_CFI_AT_OFFSET, 24);
    assert_row(PC, VAL_OFFSET(3, 0x03));
    assert_rule(3, SP_CFI_IS_OFFSET, -24);
    assert_row(PC, VAL_OFFSET_SF(3, 0x7D));
    assert_rule(3, SP_CFI_IS_OFFSET, 24);
}

TEST(test_registers_that_are_elsewhere_in_place_or_lost) {
    assert_row(PC, UNDEFINED(SP_REGISTER_PC));
    assert_rule(SP_REGISTER_PC, SP_CFI_UNDEFINED, 0);
    assert_row(PC, OFFSET(3, 1), SAME_VALUE(3));
    assert_rule(3, SP_CFI_SAME_VALUE, 0);
    assert_row(PC, REGISTER(3, 12));
    assert_int_equal(row.rules[3].place, SP_CFI_IN_REGISTER);
    assert_int_equal(row.rules[3].number, 12);
    assert_row(PC, REGISTER(3, VECTOR));
    assert_int_equal(row.rules[3].number, VECTOR);
}

TEST(test_registers_of_which_an_expression_says_more) {
    assert_row(PC, EXPRESSION(3, 2, 0x77, 0x28), VAL_EXPRESSION(6, 1, 0x30));
    assert_int_equal(row.rules[3].place, SP_CFI_AT_EXPRESSION);
    assert_int_equal(row.rules[3].length, 2);
    assert_ptr_equal(row.rules[3].expression, fde.fde_program + 3);
    assert_int_equal(row.rules[6].place, SP_CFI_IS_EXPRESSION);
    assert_int_equal(row.rules[6].length, 1);
    assert_ptr_equal(row.rules[6].expression, fde.fde_program + 8);
}

TEST(test_restoring_a_register_gives_the_rule_of_the_cie) {
    assert_row(PC, OFFSET(SP_REGISTER_PC, 5), OFFSET(3, 2), RESTORE(SP_REGISTER_PC), RESTORE(3));
    assert_rule(SP_REGISTER_PC, SP_CFI_AT_OFFSET, -8);
    assert_rule(3, SP_CFI_UNSPECIFIED, 0);
    assert_row(PC, OFFSET(SP_REGISTER_PC, 5), OFFSET(3, 2), RESTORE_EXTENDED(SP_REGISTER_PC), RESTORE_EXTENDED(3));
    assert_rule(SP_REGISTER_PC, SP_CFI_AT_OFFSET, -8);
    assert_rule(3, SP_CFI_UNSPECIFIED, 0);
}

TEST(test_what_is_said_of_registers_that_are_not_counted_is_passed_over) {
    SET_PROGRAM(NOP);
    assert_true(row_at(PC));
    sp_cfi_row untouched = row;
    untouched.cfa_offset = 32;
    const sp_cfi_rule behind = {.place = SP_CFI_AT_OFFSET, .length = 1, .offset = 2};
    result.behind = behind;
    assert_row(PC, OFFSET_EXTENDED(VECTOR, 0x03), OFFSET_EXTENDED_SF(VECTOR, 0x03), RESTORE_EXTENDED(VECTOR),
               UNDEFINED(VECTOR), SAME_VALUE(VECTOR), REGISTER(VECTOR, 3), EXPRESSION(VECTOR, 1, 0x30),
               VAL_EXPRESSION(VECTOR, 1, 0x30), VAL_OFFSET(VECTOR, 3), VAL_OFFSET_SF(VECTOR, 3),
               NEGATIVE_OFFSET_EXTENDED(VECTOR, 3), OFFSET(SP_REGISTER_COUNT, 3), RESTORE(SP_REGISTER_COUNT),
               OFFSET(63, 3), RESTORE(63), 0x07, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, DEF_CFA_OFFSET(32));
    assert_row_is(&untouched);
    assert_memory_equal(&result.behind, &behind, sizeof behind);
}

TEST(test_the_size_of_arguments_changes_nothing) {
    assert_row(PC, ARGS_SIZE(0x80, 0x01), DEF_CFA_OFFSET(16));
    assert_cfa(7, 16);
}

TEST(test_the_return_address_is_signed_in_between) {
    for (unsigned i = 0; i < 2; i++) {
        uint8_t negate = i ? NEGATE_RA_STATE_WITH_PC : NEGATE_RA_STATE;
        for (unsigned offset = 0; offset < 12; offset++) {
            assert_row(PC + offset, ADVANCE(4), negate, ADVANCE(4), negate);
            assert_int_equal(row.return_address_signed, offset >= 4 && offset < 8);
        }
    }
}

/* ---- Location ---- */

#define assert_second_row_from(offset, ...)                                                                            \
    do {                                                                                                               \
        assert_row(PC, __VA_ARGS__, DEF_CFA_OFFSET(32));                                                               \
        assert_cfa(7, 8);                                                                                              \
        assert_true(row_at(PC + (offset) - 1));                                                                        \
        assert_cfa(7, 8);                                                                                              \
        assert_true(row_at(PC + (offset)));                                                                            \
        assert_cfa(7, 32);                                                                                             \
    } while (0)

TEST(test_a_row_holds_from_the_address_to_which_the_location_is_moved) {
    assert_second_row_from(1, ADVANCE(1));
    assert_second_row_from(63, ADVANCE(63));
    assert_second_row_from(255, ADVANCE1(255));
    assert_second_row_from(0x234, ADVANCE2(0x234));
    assert_second_row_from(0xFED, ADVANCE4(0xFED));
    assert_second_row_from(0xFED, ADVANCE8(0xFED));
    assert_second_row_from(0x123, ADVANCE(3), NOP, ADVANCE2(0x120));
}

TEST(test_the_location_is_set_with_the_encoding_of_the_functions_address) {
    SET_PROGRAM(SET_LOC(PC + 5), DEF_CFA_OFFSET(32));
    assert_true(row_at(PC + 4));
    assert_cfa(7, 8);
    assert_true(row_at(PC + 5));
    assert_cfa(7, 32);
    SET_PROGRAM(0x01, U4(0x10), DEF_CFA_OFFSET(32));
    fde.pointer_encoding = 0x1B; /* four bytes, relative to their own address */
    fde.pc_start = (uintptr_t)fde.fde_program;
    assert_true(row_at(fde.pc_start + 0x10));
    assert_cfa(7, 8);
    assert_true(row_at(fde.pc_start + 0x11));
    assert_cfa(7, 32);
    fde.pointer_encoding = 0x9B; /* indirect */
    assert_false(row_at(fde.pc_start));
}

TEST(test_the_location_advances_in_units_of_the_code) {
    SET_PROGRAM(ADVANCE(3), DEF_CFA_OFFSET(32));
    fde.code_alignment = 4;
    assert_true(row_at(PC + 11));
    assert_cfa(7, 8);
    assert_true(row_at(PC + 12));
    assert_cfa(7, 32);
}

TEST(test_instructions_behind_the_address_are_not_looked_at) {
    assert_row(PC, ADVANCE(1), 0x3F);
    assert_false(row_at(PC + 1));
    assert_row(PC, ADVANCE(1), RESTORE_STATE);
    assert_false(row_at(PC + 1));
}

TEST(test_a_location_that_overflows_is_refused) {
    assert_refused(ADVANCE8(UINT64_MAX));
    SET_PROGRAM(ADVANCE8(UINT64_C(1) << 62));
    fde.code_alignment = 4;
    assert_false(row_at(PC));
    fde.code_alignment = 1;
    assert_true(row_at(PC));
}

TEST(test_an_address_before_the_function_has_no_row) {
    SET_PROGRAM(NOP);
    assert_true(row_at(PC));
    assert_false(row_at(PC - 1));
}

/* ---- States ---- */

TEST(test_a_remembered_row_comes_back_whole) {
    SET_PROGRAM(OFFSET(6, 2), REMEMBER_STATE, ADVANCE(1), DEF_CFA(6, 16), OFFSET(3, 3), OFFSET(6, 4), NEGATE_RA_STATE,
                ADVANCE(1), RESTORE_STATE);
    assert_true(row_at(PC));
    sp_cfi_row first = row;
    assert_true(row_at(PC + 1));
    assert_cfa(6, 16);
    assert_rule(3, SP_CFI_AT_OFFSET, -24);
    assert_rule(6, SP_CFI_AT_OFFSET, -32);
    assert_true(row.return_address_signed);
    assert_true(row_at(PC + 2));
    assert_row_is(&first);
}

TEST(test_a_remembered_expression_comes_back) {
    assert_row(PC, DEF_CFA_EXPRESSION(1, 0x30), REMEMBER_STATE, DEF_CFA(6, 16), RESTORE_STATE);
    assert_true(row.cfa_is_expression);
    assert_int_equal(row.cfa_length, 1);
    assert_ptr_equal(row.cfa_expression, fde.fde_program + 2);
}

TEST(test_eight_rows_are_remembered_and_come_back_last_first) {
    enum { STATES = 8, BYTES = 5 };
    uint8_t own[2 * STATES * BYTES] = {0};
    for (uint8_t i = 0; i < STATES; i++) {
        memcpy(own + BYTES * i, (uint8_t[BYTES]){DEF_CFA_OFFSET(10 + i), REMEMBER_STATE, DEF_CFA_OFFSET(99)}, BYTES);
        memcpy(own + BYTES * (STATES + i), (uint8_t[]){ADVANCE(1), RESTORE_STATE}, 2);
    }
    set_programs(usual_cie, sizeof usual_cie, own, sizeof own);
    for (unsigned i = 0; i <= STATES; i++) {
        assert_true(row_at(PC + i));
        assert_cfa(7, i == 0 ? 99 : 10 + STATES - i);
    }
}

TEST(test_more_states_than_are_remembered_and_states_that_were_not_are_refused) {
    assert_refused(RESTORE_STATE);
    assert_refused(REMEMBER_STATE, RESTORE_STATE, RESTORE_STATE);
    uint8_t own[9];
    memset(own, REMEMBER_STATE, sizeof own);
    set_programs(usual_cie, sizeof usual_cie, own, 8);
    assert_true(row_at(PC));
    set_programs(usual_cie, sizeof usual_cie, own, 9);
    assert_false(row_at(PC));
}

/* ---- What is refused ---- */

TEST(test_unknown_instructions_are_refused) {
    static const uint8_t known[] = {0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0C, 0x0D, 0x0E,
                                    0x0F, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x1D, 0x2C, 0x2D, 0x2E, 0x2F};
    for (uint8_t code = 0; code < 0x40; code++) {
        SET_PROGRAM(code, 0, 0, 0, 0, 0, 0, 0, 0);
        assert_int_equal(row_at(PC), memchr(known, code, sizeof known) != NULL);
    }
}

TEST(test_operands_that_are_cut_off_are_refused) {
    static const struct {
        uint8_t size, bytes[12];
    } cases[] = {
        {9, {SET_LOC(PC)}},
        {2, {ADVANCE1(0)}},
        {3, {ADVANCE2(0)}},
        {5, {ADVANCE4(0)}},
        {9, {ADVANCE8(0)}},
        {4, {OFFSET_EXTENDED(3, 0x80, 0x01)}},
        {2, {RESTORE_EXTENDED(3)}},
        {2, {UNDEFINED(3)}},
        {2, {SAME_VALUE(3)}},
        {3, {REGISTER(3, 3)}},
        {4, {DEF_CFA(7, 0x80, 0x01)}},
        {2, {DEF_CFA_REGISTER(7)}},
        {3, {DEF_CFA_OFFSET(0x80, 0x01)}},
        {4, {DEF_CFA_EXPRESSION(2, 0x30, 0x96)}},
        {5, {EXPRESSION(3, 2, 0x30, 0x96)}},
        {4, {OFFSET_EXTENDED_SF(3, 0x80, 0x01)}},
        {4, {DEF_CFA_SF(3, 0x80, 0x01)}},
        {3, {DEF_CFA_OFFSET_SF(0x80, 0x01)}},
        {4, {VAL_OFFSET(3, 0x80, 0x01)}},
        {4, {VAL_OFFSET_SF(3, 0x80, 0x01)}},
        {5, {VAL_EXPRESSION(3, 2, 0x30, 0x96)}},
        {3, {ARGS_SIZE(0x80, 0x01)}},
        {4, {NEGATIVE_OFFSET_EXTENDED(3, 0x80, 0x01)}},
        {3, {OFFSET(3, 0x80, 0x01)}},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        set_programs(usual_cie, sizeof usual_cie, cases[i].bytes, cases[i].size);
        assert_true(row_at(PC));
        for (size_t size = 1; size < cases[i].size; size++) {
            set_programs(usual_cie, sizeof usual_cie, cases[i].bytes, size);
            assert_false(row_at(PC));
        }
    }
}

TEST(test_a_cie_that_cannot_be_read_is_refused) {
    static const uint8_t wrong[] = {DEF_CFA(7, 8), 0x3F}, own[] = {DEF_CFA(7, 8)};
    set_programs(wrong, sizeof wrong, own, sizeof own);
    assert_false(row_at(PC));
}

TEST(test_offsets_that_overflow_are_refused) {
    assert_row(PC, DEF_CFA_OFFSET(0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F));
    assert_cfa(7, INT64_MAX);
    assert_refused(DEF_CFA_OFFSET(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01));
    assert_refused(OFFSET(3, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01));
    assert_refused(OFFSET(3, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F));
    assert_refused(OFFSET_EXTENDED_SF(3, LEAST_SLEB));
    assert_refused(DEF_CFA_SF(3, LEAST_SLEB));
    SET_PROGRAM(NEGATIVE_OFFSET_EXTENDED(3, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40)); /* 2⁶² */
    fde.data_alignment = -1;
    assert_true(row_at(PC));
    assert_rule(3, SP_CFI_AT_OFFSET, INT64_C(1) << 62);
    fde.data_alignment = -2; /* −2⁶³, which has no positive counterpart */
    assert_false(row_at(PC));
}

TEST(test_an_expression_that_is_longer_than_the_program_is_refused) {
    assert_refused(DEF_CFA_EXPRESSION(2, 0x30));
    assert_refused(EXPRESSION(3, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01));
    assert_refused(VAL_EXPRESSION(3, 0x80, 0x80, 0x80, 0x80, 0x10)); /* 2³² */
}

TEST(test_programs_outside_of_the_image_are_refused) {
    SET_PROGRAM(NOP, NOP);
    assert_true(row_at(PC));
    sp_eh_image whole = image;
    image.end--;
    assert_false(row_at(PC));
    image = whole;
    image.start++;
    assert_false(row_at(PC));
    image = whole;
    const uint8_t *end = fde.fde_program_end;
    fde.fde_program_end = fde.fde_program - 1;
    assert_false(row_at(PC));
    fde.fde_program_end = end;
    fde.cie_program_end = fde.cie_program - 1;
    assert_false(row_at(PC));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_cie_speaks_first),
        cmocka_unit_test(test_the_cfa_is_a_register_and_an_offset),
        cmocka_unit_test(test_the_cfa_is_an_expression_until_it_is_defined_anew),
        cmocka_unit_test(test_a_row_without_cfa_is_refused),
        cmocka_unit_test(test_registers_saved_at_an_offset_from_the_cfa),
        cmocka_unit_test(test_registers_that_are_elsewhere_in_place_or_lost),
        cmocka_unit_test(test_registers_of_which_an_expression_says_more),
        cmocka_unit_test(test_restoring_a_register_gives_the_rule_of_the_cie),
        cmocka_unit_test(test_what_is_said_of_registers_that_are_not_counted_is_passed_over),
        cmocka_unit_test(test_the_size_of_arguments_changes_nothing),
        cmocka_unit_test(test_the_return_address_is_signed_in_between),
        cmocka_unit_test(test_a_row_holds_from_the_address_to_which_the_location_is_moved),
        cmocka_unit_test(test_the_location_is_set_with_the_encoding_of_the_functions_address),
        cmocka_unit_test(test_the_location_advances_in_units_of_the_code),
        cmocka_unit_test(test_instructions_behind_the_address_are_not_looked_at),
        cmocka_unit_test(test_a_location_that_overflows_is_refused),
        cmocka_unit_test(test_an_address_before_the_function_has_no_row),
        cmocka_unit_test(test_a_remembered_row_comes_back_whole),
        cmocka_unit_test(test_a_remembered_expression_comes_back),
        cmocka_unit_test(test_eight_rows_are_remembered_and_come_back_last_first),
        cmocka_unit_test(test_more_states_than_are_remembered_and_states_that_were_not_are_refused),
        cmocka_unit_test(test_unknown_instructions_are_refused),
        cmocka_unit_test(test_operands_that_are_cut_off_are_refused),
        cmocka_unit_test(test_a_cie_that_cannot_be_read_is_refused),
        cmocka_unit_test(test_offsets_that_overflow_are_refused),
        cmocka_unit_test(test_an_expression_that_is_longer_than_the_program_is_refused),
        cmocka_unit_test(test_programs_outside_of_the_image_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
