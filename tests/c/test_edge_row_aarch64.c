/* The edges of functions on aarch64, whatever machine this runs on: one function, instruction by instruction. */
#include "edge_row.h"
#include "support.h"

enum { FP = 29, LR = 30, SP = 31 };

static sp_cfi_row row;

static bool is_edge(const uint32_t *code, size_t count, size_t at) {
    row = (sp_cfi_row){.cfa_register = FP, .cfa_offset = 16};
    sp_edge_code edge = {(const uint8_t *)(code + at), (const uint8_t *)code, (const uint8_t *)(code + count)};
    return sp_edge_row_of_function(&edge, &row);
}

/* For each instruction the distance to the CFA; BODY: the description is right. */
enum { BODY = -1 };
static void assert_distances(const uint32_t *code, size_t count, const int *distances) {
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(is_edge(code, count, i), distances[i] != BODY);
        if (distances[i] == BODY) continue;
        assert_int_equal(row.cfa_register, SP);
        assert_int_equal(row.cfa_offset, distances[i]);
        assert_int_equal(row.rules[LR].place, SP_CFI_SAME_VALUE);
        assert_int_equal(row.rules[FP].place, SP_CFI_UNSPECIFIED);
    }
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

TEST(test_pairs_are_pushed_and_popped) {
    const uint32_t code[] = {0xD503237F,  /* pacibsp */
                             0xA9BE4FF4,  /* stp x20, x19, [sp, #-32]! */
                             0xA9017BFD,  /* stp x29, x30, [sp, #16] */
                             0x910043FD,  /* add x29, sp, #16 */
                             0xAA0003F3,  /* mov x19, x0 */
                             0x94000010,  /* bl */
                             0xAA1303E0,  /* mov x0, x19 */
                             0xA9417BFD,  /* ldp x29, x30, [sp, #16] */
                             0xA8C24FF4,  /* ldp x20, x19, [sp], #32 */
                             0xD65F0FFF}; /* retab */
    assert_distances(code, COUNT(code), (int[]){0, 0, 32, 32, BODY, BODY, BODY, BODY, 32, 0});
    assert_true(is_edge(code, COUNT(code), 8)); /* the pair has yet to be loaded */
    assert_int_equal(row.rules[19].place, SP_CFI_UNDEFINED);
    assert_int_equal(row.rules[20].place, SP_CFI_UNDEFINED);
    assert_int_equal(row.rules[21].place, SP_CFI_UNSPECIFIED);
}

TEST(test_room_for_locals_is_made_first) {
    const uint32_t code[] = {0xD10203FF,  /* sub sp, sp, #128 */
                             0x6D0323E9,  /* stp d9, d8, [sp, #48] */
                             0xA9077BFD,  /* stp x29, x30, [sp, #112] */
                             0x9101C3FD,  /* add x29, sp, #112 */
                             0xD14007FF,  /* sub sp, sp, #4096: a large frame */
                             0x94000010,  /* bl */
                             0x914007FF,  /* add sp, sp, #4096 */
                             0xA9477BFD,  /* ldp x29, x30, [sp, #112] */
                             0x6D4323E9,  /* ldp d9, d8, [sp, #48] */
                             0x910203FF,  /* add sp, sp, #128 */
                             0x14000020}; /* b: a call in the last place */
    assert_distances(code, COUNT(code), (int[]){0, 128, 128, 128, BODY, BODY, BODY, BODY, 128, 128, 0});
}

TEST(test_a_branch_in_the_body_is_no_epilogue) {
    const uint32_t code[] = {0xA9BF7BFD,  /* stp x29, x30, [sp, #-16]! */
                             0x910003FD,  /* mov x29, sp */
                             0xB4000060,  /* cbz x0, … */
                             0xD1000400,  /* sub x0, x0, #1 */
                             0x17FFFFFE,  /* b: a loop */
                             0xD63F0100,  /* blr x8 */
                             0xA8C17BFD,  /* ldp x29, x30, [sp], #16 */
                             0xD65F03C0}; /* ret */
    assert_distances(code, COUNT(code), (int[]){0, 16, BODY, BODY, BODY, BODY, BODY, 0});
}

TEST(test_a_leaf_and_its_locals) {
    const uint32_t code[] = {0xD10083FF,  /* sub sp, sp, #32 */
                             0xF90007E0,  /* str x0, [sp, #8] */
                             0x910083FF,  /* add sp, sp, #32 */
                             0xD65F03C0}; /* ret */
    assert_distances(code, COUNT(code), (int[]){0, 32, 32, 0});
}

TEST(test_an_address_in_a_call_is_no_edge) {
    const uint32_t code[] = {0xA9BF7BFD, 0x910003FD, 0x94000010, 0xD65F03C0};
    sp_edge_code edge = {(const uint8_t *)code + 3, (const uint8_t *)code, (const uint8_t *)(code + 4)};
    assert_false(sp_edge_row_of_function(&edge, &row));
    assert_false(sp_edge_row_of_stub(&edge, &row));
}

TEST(test_stubs) {
    const uint32_t plain[] = {0x90000010, 0xF9400210, 0xD61F0200};               /* adrp, ldr x16, br x16 */
    const uint32_t signing[] = {0x90000011, 0x91004231, 0xF9400230, 0xD71F0A11}; /* adrp x17, add, ldr, braa */
    const uint32_t function[] = {0x90000010, 0xF9400210, 0xD63F0200};            /* … blr x16 */
    for (size_t i = 0; i < 3; i++) {
        sp_edge_code edge = {(const uint8_t *)(plain + i), (const uint8_t *)plain, (const uint8_t *)(plain + 3)};
        assert_true(sp_edge_row_of_stub(&edge, &row));
        assert_int_equal(row.cfa_register, SP);
        assert_int_equal(row.cfa_offset, 0);
        assert_int_equal(row.rules[LR].place, SP_CFI_SAME_VALUE);
    }
    for (size_t i = 0; i < 4; i++) {
        sp_edge_code edge = {(const uint8_t *)(signing + i), (const uint8_t *)signing, (const uint8_t *)(signing + 4)};
        assert_true(sp_edge_row_of_stub(&edge, &row));
    }
    sp_edge_code edge = {(const uint8_t *)function, (const uint8_t *)function, (const uint8_t *)(function + 3)};
    assert_false(sp_edge_row_of_stub(&edge, &row));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs_are_pushed_and_popped),
        cmocka_unit_test(test_room_for_locals_is_made_first),
        cmocka_unit_test(test_a_branch_in_the_body_is_no_epilogue),
        cmocka_unit_test(test_a_leaf_and_its_locals),
        cmocka_unit_test(test_an_address_in_a_call_is_no_edge),
        cmocka_unit_test(test_stubs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
