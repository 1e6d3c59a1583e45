/* Values read from bytes: the result, the reader's position afterwards, and which bytes are refused. */
#include "dwarf_reader.h"

#include "dwarf_bytes.h"

static sp_dwarf_reader reader_of(const uint8_t *bytes, size_t size) {
    const uint8_t *copy = copy_before_a_guard(bytes, size);
    return (sp_dwarf_reader){.at = copy, .end = copy + size};
}

#define READER_OF(...) reader_of((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

#define assert_read_whole(reader)                                                                                      \
    do {                                                                                                               \
        assert_false((reader).failed);                                                                                 \
        assert_ptr_equal((reader).at, (reader).end);                                                                   \
    } while (0)

#define assert_refused(reader)                                                                                         \
    do {                                                                                                               \
        assert_true((reader).failed);                                                                                  \
        assert_ptr_equal((reader).at, (reader).end);                                                                   \
    } while (0)

/* ---- Fixed sizes ---- */

TEST(test_numbers_of_a_fixed_size_keep_their_sign) {
    for (size_t size = 1; size <= 8; size *= 2) {
        const uint8_t bytes[8] = {0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
        sp_dwarf_reader reader = reader_of(bytes, size);
        assert_int_equal(sp_dwarf_read_signed(&reader, size), -2);
        assert_read_whole(reader);
        reader = reader_of(bytes, size);
        assert_int_equal(sp_dwarf_read_unsigned(&reader, size), UINT64_MAX >> (64 - 8 * size) & ~UINT64_C(1));
        assert_read_whole(reader);
    }
}

TEST(test_the_lowest_byte_comes_first) {
    sp_dwarf_reader reader = READER_OF(0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x08, U2(0x1234), 0x7F);
    assert_int_equal(sp_dwarf_read_unsigned(&reader, 8), 0x0877665544332211);
    assert_int_equal(sp_dwarf_read_signed(&reader, 2), 0x1234);
    assert_int_equal(sp_dwarf_read_signed(&reader, 1), 127);
    assert_read_whole(reader);
}

TEST(test_a_number_that_is_cut_off_fails_the_reader_for_good) {
    for (size_t size = 1; size <= 8; size *= 2) {
        const uint8_t bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8};
        sp_dwarf_reader reader = reader_of(bytes, size - 1);
        assert_int_equal(sp_dwarf_read_unsigned(&reader, size), 0);
        assert_refused(reader);
        assert_int_equal(sp_dwarf_read_unsigned(&reader, 1), 0);
        assert_int_equal(sp_dwarf_read_uleb(&reader), 0);
        assert_refused(reader);
    }
}

/* ---- LEB128 ---- */

TEST(test_unsigned_leb128) {
    static const struct {
        uint8_t size, bytes[10];
        uint64_t value;
    } cases[] = {
        {1, {0x00}, 0},
        {1, {0x7F}, 127},
        {2, {0x80, 0x01}, 128},
        {3, {0xE5, 0x8E, 0x26}, 624485},
        {4, {0x81, 0x80, 0x80, 0x00}, 1}, /* padded, as by assemblers that patch the value later */
        {9, {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F}, INT64_MAX},
        {10, {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01}, UINT64_MAX},
        {10, {0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00}, 1},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        sp_dwarf_reader reader = reader_of(cases[i].bytes, cases[i].size);
        assert_int_equal(sp_dwarf_read_uleb(&reader), cases[i].value);
        assert_read_whole(reader);
    }
}

TEST(test_signed_leb128) {
    static const struct {
        uint8_t size, bytes[10];
        int64_t value;
    } cases[] = {
        {1, {0x00}, 0},
        {1, {0x3F}, 63},
        {1, {0x40}, -64},
        {1, {0x7F}, -1},
        {2, {0xC0, 0x00}, 64},
        {2, {0xBF, 0x7F}, -65},
        {3, {0x80, 0x80, 0x7F}, -16384},
        {4, {0xFF, 0xFF, 0xFF, 0x7F}, -1}, /* padded */
        {9, {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40}, -(INT64_C(1) << 62)},
        {10, {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7F}, INT64_MIN},
        {10, {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00}, INT64_MAX},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        sp_dwarf_reader reader = reader_of(cases[i].bytes, cases[i].size);
        assert_int_equal(sp_dwarf_read_sleb(&reader), cases[i].value);
        assert_read_whole(reader);
    }
}

TEST(test_leb128_that_is_cut_off_or_larger_than_a_word_is_refused) {
    static const struct {
        uint8_t size, bytes[12];
    } cases[] = {
        {0, {0}},
        {1, {0x80}},
        {3, {0xFF, 0xFF, 0xFF}},
        {10, {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02}},
        {10, {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x3F}},
        {10, {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80}},
        {11, {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00}},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        sp_dwarf_reader reader = reader_of(cases[i].bytes, cases[i].size);
        assert_int_equal(sp_dwarf_read_uleb(&reader), 0);
        assert_refused(reader);
        reader = reader_of(cases[i].bytes, cases[i].size);
        assert_int_equal(sp_dwarf_read_sleb(&reader), 0);
        assert_refused(reader);
    }
}

/* ---- Blocks ---- */

TEST(test_a_block_is_passed_over_and_one_that_is_too_long_is_refused) {
    sp_dwarf_reader reader = READER_OF(1, 2, 3, 4, 5);
    const uint8_t *start = reader.at;
    assert_ptr_equal(sp_dwarf_read_block(&reader, 2), start);
    assert_ptr_equal(sp_dwarf_read_block(&reader, 3), start + 2);
    assert_ptr_equal(sp_dwarf_read_block(&reader, 0), start + 5);
    assert_read_whole(reader);
    sp_dwarf_read_block(&reader, 1);
    assert_refused(reader);
    reader = READER_OF(1, 2, 3);
    sp_dwarf_read_block(&reader, UINT64_MAX);
    assert_refused(reader);
}

/* ---- Pointers ---- */

static const struct {
    uint8_t format, size, bytes[8];
    uint64_t value;
} formats[] = {
    {0x00, 8, {U8(0x1122334455667788)}, 0x1122334455667788},
    {0x01, 2, {0x80, 0x01}, 128},
    {0x02, 2, {U2(0xFFFE)}, 0xFFFE},
    {0x03, 4, {U4(0xFFFFFFFE)}, 0xFFFFFFFE},
    {0x04, 8, {U8(UINT64_MAX)}, UINT64_MAX},
    {0x08, 8, {U8(UINT64_MAX - 1)}, (uint64_t)-2},
    {0x09, 1, {0x7E}, (uint64_t)-2},
    {0x0A, 2, {U2(0xFFFE)}, (uint64_t)-2},
    {0x0B, 4, {U4(0xFFFFFFFE)}, (uint64_t)-2},
    {0x0C, 8, {U8(UINT64_MAX - 1)}, (uint64_t)-2},
};
enum { PCREL = 0x10, TEXTREL = 0x20, DATAREL = 0x30, FUNCREL = 0x40, ALIGNED = 0x50, INDIRECT = 0x80, OMIT = 0xFF };

TEST(test_pointers_of_every_format_and_base) {
    for (size_t i = 0; i < LENGTH(formats); i++) {
        for (uint8_t base = 0; base <= DATAREL; base += 0x10) {
            if (base == TEXTREL) continue;
            sp_dwarf_reader reader = reader_of(formats[i].bytes, formats[i].size);
            uintptr_t from = base == PCREL ? (uintptr_t)reader.at : base == DATAREL ? 0x5000 : 0;
            assert_int_equal(sp_dwarf_read_pointer(&reader, formats[i].format | base, 0x5000), from + formats[i].value);
            assert_read_whole(reader);
        }
    }
}

TEST(test_pointers_that_need_what_is_not_known_are_refused) {
    static const uint8_t encodings[] = {TEXTREL,  FUNCREL,          ALIGNED, 0x60, 0x70,
                                        INDIRECT, INDIRECT | PCREL, OMIT,    0x05, 0x0D};
    for (size_t i = 0; i < LENGTH(encodings); i++) {
        sp_dwarf_reader reader = READER_OF(U8(8));
        assert_int_equal(sp_dwarf_read_pointer(&reader, encodings[i], 0x5000), 0);
        assert_refused(reader);
    }
    sp_dwarf_reader reader = READER_OF(U8(8));
    assert_int_equal(sp_dwarf_read_pointer(&reader, DATAREL, 0), 0);
    assert_refused(reader);
    reader = READER_OF(1, 2, 3);
    assert_int_equal(sp_dwarf_read_pointer(&reader, PCREL | 0x0B, 0), 0); /* truncated */
    assert_refused(reader);
}

TEST(test_a_value_is_read_without_its_base) {
    for (size_t i = 0; i < LENGTH(formats); i++) {
        sp_dwarf_reader reader = reader_of(formats[i].bytes, formats[i].size);
        assert_int_equal(sp_dwarf_read_value(&reader, formats[i].format | PCREL), formats[i].value);
        assert_read_whole(reader);
    }
}

TEST(test_a_pointer_of_any_encoding_is_skipped_by_its_size) {
    for (size_t i = 0; i < LENGTH(formats); i++) {
        static const uint8_t bases[] = {0, PCREL, TEXTREL, DATAREL, FUNCREL, INDIRECT | PCREL};
        for (size_t j = 0; j < LENGTH(bases); j++) {
            sp_dwarf_reader reader = reader_of(formats[i].bytes, formats[i].size);
            sp_dwarf_skip_pointer(&reader, formats[i].format | bases[j]);
            assert_read_whole(reader);
        }
    }
    sp_dwarf_reader reader = READER_OF(1);
    sp_dwarf_skip_pointer(&reader, OMIT);
    assert_int_equal(sp_dwarf_read_unsigned(&reader, 1), 1);
    assert_read_whole(reader);
}

TEST(test_an_aligned_pointer_is_skipped_with_what_is_before_it) {
    for (unsigned before = 0; before < 8; before++) {
        const uint8_t bytes[24] = {0};
        sp_dwarf_reader reader = reader_of(bytes, 16); /* starts at a multiple of 8, because the guard page does */
        reader.at += before;
        sp_dwarf_skip_pointer(&reader, ALIGNED);
        assert_false(reader.failed);
        assert_int_equal(reader.end - reader.at, before == 0 ? 8 : 0);
    }
    sp_dwarf_reader reader = READER_OF(U8(0));
    reader.at++;
    sp_dwarf_skip_pointer(&reader, ALIGNED);
    assert_refused(reader);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_of_a_fixed_size_keep_their_sign),
        cmocka_unit_test(test_the_lowest_byte_comes_first),
        cmocka_unit_test(test_a_number_that_is_cut_off_fails_the_reader_for_good),
        cmocka_unit_test(test_unsigned_leb128),
        cmocka_unit_test(test_signed_leb128),
        cmocka_unit_test(test_leb128_that_is_cut_off_or_larger_than_a_word_is_refused),
        cmocka_unit_test(test_a_block_is_passed_over_and_one_that_is_too_long_is_refused),
        cmocka_unit_test(test_pointers_of_every_format_and_base),
        cmocka_unit_test(test_pointers_that_need_what_is_not_known_are_refused),
        cmocka_unit_test(test_a_value_is_read_without_its_base),
        cmocka_unit_test(test_a_pointer_of_any_encoding_is_skipped_by_its_size),
        cmocka_unit_test(test_an_aligned_pointer_is_skipped_with_what_is_before_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
