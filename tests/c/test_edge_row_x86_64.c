/* The edges of functions on x86-64, whatever machine this runs on: one function, instruction by instruction. */
#include "edge_row.h"
#include "support.h"

enum { FP = 6, SP = 7, PC = 16, BEFORE = 8, AFTER = 4 };

static sp_cfi_row row;

static bool is_edge(const uint8_t *code, size_t count, size_t at) {
    row = (sp_cfi_row){.cfa_register = FP, .cfa_offset = 16};
    sp_edge_code edge = {code + at, code, code + count};
    return sp_edge_row_of_function(&edge, &row);
}

static void assert_distance(const uint8_t *code, size_t count, size_t at, int64_t distance) {
    assert_true(is_edge(code, count, at));
    assert_int_equal(row.cfa_register, SP);
    assert_int_equal(row.cfa_offset, distance);
    assert_int_equal(row.rules[PC].place, SP_CFI_AT_OFFSET);
    assert_int_equal(row.rules[PC].offset, -8);
    assert_int_equal(row.rules[FP].place, SP_CFI_UNSPECIFIED);
}

TEST(test_a_function) {
    const uint8_t code[] = {0x0F, 0x1F, 0x84, 0, 0, 0, 0, 0, /* padding */
                            0x55,                            /* 8: push rbp */
                            0x48, 0x89, 0xE5,                /* 9: mov rbp, rsp */
                            0x53, 0x50,                      /* 12: push rbx; push rax */
                            0xE8, 1,    2,    3, 4,          /* 14: call */
                            0x48, 0x83, 0xC4, 8,             /* 19: add rsp, 8 */
                            0x5B, 0x5D,                      /* 23: pop rbx; pop rbp */
                            0xC3,                            /* 25: ret */
                            0x90, 0x90, 0x90};
    assert_distance(code, sizeof code, 8, 8);
    assert_distance(code, sizeof code, 9, 16);
    assert_distance(code, sizeof code, 25, 8);
    const size_t body[] = {12, 13, 14, 18, 19, 23, 24};
    for (size_t i = 0; i < sizeof body / sizeof *body; i++) assert_false(is_edge(code, sizeof code, body[i]));
}

TEST(test_a_call_in_the_last_place) {
    const uint8_t direct[] = {0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x5D, 0xE9, 1, 2, 3, 4};
    const uint8_t indirect[] = {0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x5D, 0xFF, 0xE0, 0x90, 0x90};
    const uint8_t loop[] = {0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0xE9, 1, 2, 3, 4};
    assert_distance(direct, sizeof direct, 8, 8);
    assert_distance(indirect, sizeof indirect, 8, 8);
    assert_false(is_edge(loop, sizeof loop, 8));
}

/* The last byte of a call may look like a return. */
TEST(test_an_address_in_a_call_is_no_edge) {
    const uint8_t code[] = {0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0xE8, 0, 0, 0, 0xC3, 0x90, 0x90, 0x90, 0x90};
    assert_false(is_edge(code, sizeof code, 10));
    const uint8_t through[] = {0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0xFF, 0x50, 0xC3, 0x90, 0x90, 0x90};
    assert_false(is_edge(through, sizeof through, 10));
}

TEST(test_nothing_is_read_outside_the_code) {
    const uint8_t code[] = {0xC3, 0xC3, 0xC3, 0xC3, 0xC3, 0xC3, 0xC3, 0xC3, 0xC3, 0xC3, 0xC3, 0xC3};
    for (size_t i = 0; i < sizeof code; i++)
        assert_int_equal(is_edge(code, sizeof code, i), i >= BEFORE && i + AFTER <= sizeof code);
}

TEST(test_stubs) {
    const uint8_t code[] = {0x90, 0x90, 0xFF, 0x25, 1, 2, 3, 4, 0xFF, 0x25, 1, 2, 3, 4, 0xFF, 0x15, 1, 2, 3, 4};
    sp_edge_code stub = {code + 8, code, code + sizeof code}, call = {code + 14, code, code + sizeof code};
    assert_false(sp_edge_row_of_stub(&call, &row));
    assert_true(sp_edge_row_of_stub(&stub, &row));
    assert_int_equal(row.cfa_register, SP);
    assert_int_equal(row.cfa_offset, 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_function),
        cmocka_unit_test(test_a_call_in_the_last_place),
        cmocka_unit_test(test_an_address_in_a_call_is_no_edge),
        cmocka_unit_test(test_nothing_is_read_outside_the_code),
        cmocka_unit_test(test_stubs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
