/* Encodings of x86-64, whatever machine this runs on: examples, and each permutation of saved registers. */
#include "compact_unwind.h"
#include "support.h"

#include <string.h>

enum { RBX = 3, RBP = 6, RSP = 7, R12 = 12, R13 = 13, R14 = 14, R15 = 15, RIP = 16 };

static const unsigned named[] = {RBX, R12, R13, R14, R15, RBP}; /* 1 … 6 */
static uint8_t code[64];
static const sp_compact_image image = {code, code + sizeof code, NULL, NULL};
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
    assert_int_equal(row.rules[RIP].place, SP_CFI_AT_OFFSET);
    assert_int_equal(row.rules[RIP].offset, -8);
}

static void assert_saved(unsigned number, int64_t offset) {
    assert_int_equal(row.rules[number].place, SP_CFI_AT_OFFSET);
    assert_int_equal(row.rules[number].offset, offset);
}

static unsigned saved_count(void) {
    unsigned count = 0;
    for (unsigned i = 0; i < SP_REGISTER_COUNT; i++) count += row.rules[i].place != SP_CFI_UNSPECIFIED;
    return count;
}

/* push rbp; mov rbp, rsp; push r15; push r14; push rbx */
TEST(test_a_frame_with_a_frame_pointer) {
    assert_int_equal(decode(0x01030161), SP_COMPACT_ROW);
    assert_cfa(RBP, 16);
    assert_saved(RBP, -16);
    assert_saved(R15, -24);
    assert_saved(R14, -32);
    assert_saved(RBX, -40);
    assert_int_equal(saved_count(), 5);
}

/* push rbx; sub rsp, 16 */
TEST(test_a_frame_of_immediate_size) {
    assert_int_equal(decode(0x02040400), SP_COMPACT_ROW);
    assert_cfa(RSP, 32);
    assert_saved(RBX, -16);
    assert_int_equal(saved_count(), 2);
}

/* The size is the operand of `sub rsp, 0x11170`: the four bytes at offset 4 of the function. */
TEST(test_a_frame_whose_size_is_in_the_code) {
    memcpy(code + 16, "\x53\x48\x81\xEC\x70\x11\x01\x00", 8);
    assert_int_equal(decode(0x03044400), SP_COMPACT_ROW);
    assert_cfa(RSP, 0x11170 + 2 * 8);
    assert_saved(RBX, -16);
    memcpy(code + 20, "\xFF\xFF\xFF\xFF", 4);
    assert_int_equal(decode(0x03044400), SP_COMPACT_NONE);
    assert_int_equal(decode(0x03FF4400), SP_COMPACT_NONE); /* outside the image */
    assert_int_equal(decode(0x032D4400), SP_COMPACT_NONE); /* its last byte is */
}

/* Encode it like the compiler: each register's number among the remaining ones, in a mixed radix. */
static uint32_t encode(const unsigned *order, unsigned count) {
    uint32_t permutation = 0;
    for (unsigned i = 0; i < count && i < 5; i++) {
        unsigned rank = order[i] - 1;
        for (unsigned j = 0; j < i; j++) rank -= order[j] < order[i];
        permutation = permutation * (6 - i) + rank;
    }
    return 0x02000000 | (count + 1) << 16 | count << 10 | permutation;
}

static unsigned permutations;

static void check_all(unsigned *order, unsigned count, unsigned filled) {
    if (filled == count) {
        assert_int_equal(decode(encode(order, count)), SP_COMPACT_ROW);
        assert_cfa(RSP, 8 * (count + 1));
        assert_int_equal(saved_count(), count + 1);
        for (unsigned i = 0; i < count; i++) assert_saved(named[order[i] - 1], -8 - 8 * (int64_t)(count - i));
        permutations++;
        return;
    }
    for (unsigned name = 1; name <= 6; name++) {
        bool used = false;
        for (unsigned i = 0; i < filled; i++) used |= order[i] == name;
        order[filled] = name;
        if (!used) check_all(order, count, filled + 1);
    }
}

TEST(test_every_permutation_of_saved_registers) {
    unsigned order[6];
    for (unsigned count = 0; count <= 6; count++) check_all(order, count, 0);
    assert_int_equal(permutations, 1 + 6 + 30 + 120 + 360 + 720 + 720);
}

TEST(test_what_has_no_row) {
    assert_int_equal(decode(0), SP_COMPACT_NONE);
    assert_int_equal(decode(0x01000007), SP_COMPACT_NONE);
    assert_int_equal(decode(0x02000000), SP_COMPACT_NONE); /* not even a return address */
    assert_int_equal(decode(0x02081C00), SP_COMPACT_NONE); /* seven registers */
    assert_int_equal(decode(0x020207FF), SP_COMPACT_NONE); /* no permutation of one */
    assert_int_equal(decode(0x0F000000), SP_COMPACT_NONE);
    assert_int_equal(decode(0x44001234), SP_COMPACT_DWARF);
    assert_int_equal(eh_frame_offset, 0x1234);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_frame_with_a_frame_pointer),
        cmocka_unit_test(test_a_frame_of_immediate_size),
        cmocka_unit_test(test_a_frame_whose_size_is_in_the_code),
        cmocka_unit_test(test_every_permutation_of_saved_registers),
        cmocka_unit_test(test_what_has_no_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
