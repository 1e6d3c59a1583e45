/* Encodings of aarch64, whatever machine this runs on: examples, and each set of saved pairs. */
#include "compact_unwind.h"
#include "support.h"

enum { FP = 29, LR = 30, SP = 31 };

static const sp_compact_image image;
static sp_cfi_row row;
static uint32_t eh_frame_offset;

static sp_compact_kind decode(uint32_t encoding) {
    sp_compact_entry entry = {.start = 16, .end = 64, .encoding = encoding};
    return sp_compact_unwind_row(&image, &entry, &row, &eh_frame_offset);
}

static void assert_cfa(uint64_t number, int64_t offset) {
    assert_int_equal(row.cfa_register, number);
    assert_int_equal(row.cfa_offset, offset);
    assert_false(row.cfa_is_expression);
}

static void assert_saved(unsigned number, int64_t offset) {
    assert_int_equal(row.rules[number].place, SP_CFI_AT_OFFSET);
    assert_int_equal(row.rules[number].offset, offset);
}

/* stp x20, x19, [sp, #-32]!; stp x29, x30, [sp, #16]; add x29, sp, #16 */
TEST(test_a_frame_with_a_frame_pointer) {
    assert_int_equal(decode(0x04000001), SP_COMPACT_ROW);
    assert_cfa(FP, 16);
    assert_saved(LR, -8);
    assert_saved(FP, -16);
    assert_saved(19, -24);
    assert_saved(20, -32);
}

TEST(test_each_set_of_saved_pairs) {
    for (uint32_t pairs = 0; pairs < 32; pairs++) {
        int64_t next = -24;
        assert_int_equal(decode(0x04000F00 | pairs), SP_COMPACT_ROW);
        for (unsigned pair = 0; pair < 5; pair++) {
            unsigned number = 19 + 2 * pair;
            if (!(pairs >> pair & 1)) {
                assert_int_equal(row.rules[number].place, SP_CFI_UNSPECIFIED);
                assert_int_equal(row.rules[number + 1].place, SP_CFI_UNSPECIFIED);
                continue;
            }
            assert_saved(number, next);
            assert_saved(number + 1, next - 8);
            next -= 16;
        }
    }
}

TEST(test_a_leaf_keeps_its_return_address) {
    assert_int_equal(decode(0x02003000), SP_COMPACT_ROW);
    assert_cfa(SP, 48);
    assert_int_equal(row.rules[LR].place, SP_CFI_SAME_VALUE);
    assert_int_equal(row.rules[FP].place, SP_CFI_UNSPECIFIED);
    assert_int_equal(decode(0x02000002), SP_COMPACT_ROW);
    assert_cfa(SP, 0);
    assert_int_equal(row.rules[21].place, SP_CFI_UNDEFINED);
    assert_int_equal(row.rules[19].place, SP_CFI_UNSPECIFIED);
}

TEST(test_what_has_no_row) {
    assert_int_equal(decode(0), SP_COMPACT_NONE);
    assert_int_equal(decode(0x01000000), SP_COMPACT_NONE);
    assert_int_equal(decode(0x43001234), SP_COMPACT_DWARF);
    assert_int_equal(eh_frame_offset, 0x1234);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_frame_with_a_frame_pointer),
        cmocka_unit_test(test_each_set_of_saved_pairs),
        cmocka_unit_test(test_a_leaf_keeps_its_return_address),
        cmocka_unit_test(test_what_has_no_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
