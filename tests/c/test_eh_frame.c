/* Which function's description is found for an address, with any kind of header, and which sections are refused. */
#include "eh_assembler.h"

/* ---- Which function ---- */

TEST(test_a_function_is_found_by_its_first_and_its_last_byte) {
    start_with_one_function();
    for (unsigned with_table = 2; with_table-- > 0;) {
        if (!with_table) forget_table();
        assert_true(load_and_find(CODE));
        assert_function(CODE, 0x100);
        assert_int_equal(fde.pointer_encoding, USUAL);
        assert_false(fde.signal_frame);
        assert_true(find(CODE + 0xFF));
        assert_function(CODE, 0x100);
        assert_false(find(CODE - 1));
        assert_false(find(CODE + 0x100));
        assert_false(find(0));
        assert_false(find_absolute(0));
        assert_false(find_absolute(UINTPTR_MAX));
    }
}

/* Consecutive functions, some of them after a gap, whose descriptions are in a different order. */
typedef struct function {
    uint64_t start, length;
    size_t entry;
} function;

static void place_functions(function *functions, unsigned count, uint64_t *random) {
    uint64_t next = CODE;
    for (unsigned i = 0; i < count; i++) {
        next += random_below(random, 3);
        functions[i] = (function){.start = next, .length = 1 + random_below(random, 4)};
        next += functions[i].length;
    }
}

static void put_functions(function *functions, unsigned count, uint64_t *random) {
    start_section();
    size_t cie = put_usual_cie(USUAL);
    for (unsigned left = count; left > 0;) {
        function *chosen = &functions[random_below(random, count)];
        if (chosen->entry != 0) continue;
        chosen->entry = put_fde(cie, USUAL, chosen->start, chosen->length, true);
        left--;
    }
    for (unsigned i = 0; i < count; i++) put_pair(functions[i].start, functions[i].entry);
}

static const function *find_naively(const function *functions, unsigned count, uint64_t address) {
    for (unsigned i = 0; i < count; i++)
        if (address >= functions[i].start && address < functions[i].start + functions[i].length) return &functions[i];
    return NULL;
}

static void compare_with_naive(const function *functions, unsigned count) {
    load_part(size);
    for (uint64_t address = CODE - 2; address < CODE + 7 * PAIRS_MAX; address++) {
        const function *expected = find_naively(functions, count, address);
        assert_int_equal(find(address), expected != NULL);
        if (expected) assert_function(expected->start, expected->length);
    }
}

TEST(test_every_address_leads_to_its_function_or_to_none) {
    uint64_t random = 1;
    for (unsigned count = 0; count <= PAIRS_MAX; count++) {
        function functions[PAIRS_MAX];
        place_functions(functions, count, &random);
        put_functions(functions, count, &random);
        compare_with_naive(functions, count);
        forget_table();
        compare_with_naive(functions, count);
    }
}

/* ---- .eh_frame_hdr ---- */

TEST(test_the_number_of_pairs_in_every_encoding) {
    static const uint8_t encodings[] = {ABSPTR, ULEB, UDATA2, UDATA4, UDATA8, SLEB, SDATA2, SDATA4, SDATA8};
    for (size_t i = 0; i < LENGTH(encodings); i++) {
        start_with_one_function();
        size_t entry = entry_of_the_first_pair(), end = size;
        bytes[2] = encodings[i];
        size = COUNT_AT;
        put_pointer(encodings[i], 1);
        put(CODE, 4);
        put(entry, 4);
        size = end;
        assert_true(load_and_find(CODE));
        assert_function(CODE, 0x100);
    }
}

TEST(test_the_first_entry_in_every_encoding) {
    static const uint8_t encodings[] = {PCREL | SDATA4, PCREL | UDATA4, PCREL | SDATA8, DATAREL | SDATA4,
                                        DATAREL | UDATA2};
    for (size_t i = 0; i < LENGTH(encodings); i++) {
        start_with_one_function();
        size_t end = size;
        bytes[1] = encodings[i];
        forget_table();
        size = 4;
        put_pointer(encodings[i], FIRST_ENTRY);
        size = end;
        assert_true(load_and_find(CODE));
        assert_function(CODE, 0x100);
    }
    bytes[1] = INDIRECT | USUAL;
    assert_false(load_and_find(CODE));
    bytes[1] = OMIT; /* and no table */
    assert_false(load_and_find(CODE));
}

TEST(test_tables_of_another_kind_are_not_used) {
    static const uint8_t encodings[] = {DATAREL | UDATA4, DATAREL | SDATA8, PCREL | SDATA4, ABSPTR, OMIT};
    for (size_t i = 0; i < LENGTH(encodings); i++) {
        start_with_one_function();
        put_at(PAIRS_AT + 4, 0, 4); /* a search in this table would find nothing */
        assert_false(load_and_find(CODE));
        bytes[TABLE_ENCODING_AT] = encodings[i];
        assert_true(load_and_find(CODE));
    }
    bytes[TABLE_ENCODING_AT] = USUAL_TABLE;
    bytes[2] = OMIT; /* the number of pairs */
    assert_true(load_and_find(CODE));
}

TEST(test_headers_of_another_version_or_outside_of_the_image_are_refused) {
    start_with_one_function();
    bytes[0] = 2;
    assert_false(load_and_find(CODE));
    bytes[0] = 1;
    assert_true(load_and_find(CODE));
    image.header = image.end;
    assert_false(find_absolute((uintptr_t)image.start + CODE));
    image.header = image.start - 1;
    assert_false(find_absolute((uintptr_t)image.start + CODE));
}

TEST(test_pairs_that_lead_out_of_the_image_are_refused) {
    static const int64_t outside[] = {-1, -4096, INT32_MIN, INT32_MAX};
    for (size_t i = 0; i < LENGTH(outside); i++) {
        start_with_one_function();
        put_at(PAIRS_AT + 4, (uint64_t)outside[i], 4);
        assert_false(load_and_find(CODE));
    }
    put_at(PAIRS_AT + 4, size, 4);
    assert_false(load_and_find(CODE));
}

/* The header is behind the entries, and its only pair is at the end of the image. */
TEST(test_more_pairs_than_there_is_room_for_are_refused) {
    start_with_one_function();
    size_t entry = entry_of_the_first_pair(), header = size;
    put_bytes((uint8_t[]){1, OMIT, UDATA4, USUAL_TABLE, U4(1), U4(CODE - header), U4(entry - header)}, 16);
    static const uint32_t counts[] = {1, 2, UINT32_MAX, 0};
    for (size_t i = 0; i < LENGTH(counts); i++) {
        put_at(header + 4, counts[i], 4);
        load_part(size);
        image.header += header;
        assert_int_equal(find_absolute((uintptr_t)image.start + CODE), counts[i] == 1);
    }
}

/* The table is wrong: the pair found belongs to another function. */
TEST(test_a_description_that_does_not_hold_the_address_is_not_handed_out) {
    start_with_one_function();
    put_at(PAIRS_AT, CODE - 0x10, 4);
    assert_false(load_and_find(CODE - 1));
    assert_true(find(CODE));
}

/* ---- Entries ---- */

TEST(test_nothing_is_looked_for_behind_the_terminator) {
    start_section();
    size_t cie = put_usual_cie(USUAL);
    put_fde(cie, USUAL, CODE, 0x10, true);
    put(0, 4);
    put_pair(CODE + 0x10, put_fde(cie, USUAL, CODE + 0x10, 0x10, true));
    assert_true(load_and_find(CODE + 0x10)); /* the table points to it */
    forget_table();
    assert_true(load_and_find(CODE));
    assert_false(find(CODE + 0x10));
}

TEST(test_lengths_of_eight_bytes) {
    start_section();
    size_t cie = size, id_at = cie + 12;
    put(UINT32_MAX, 4);
    put(0, 8);
    put(0, 4);
    put_bytes((uint8_t[]){1, 'z', 'R', 0, 4, 0x78, SP_REGISTER_FP, 1, USUAL, CIE_PROGRAM}, 12);
    put_at(cie + 4, size - id_at, 8);
    size_t entry = size;
    put(UINT32_MAX, 4);
    put(0, 8);
    put(size - cie, 4);
    put_pointer(USUAL, CODE);
    put(0x100, 4);
    put_bytes((uint8_t[]){0, FDE_PROGRAM}, 3);
    put_at(entry + 4, size - entry - 12, 8);
    put_pair(CODE, entry);
    assert_true(load_and_find(CODE));
    assert_function(CODE, 0x100);
    forget_table();
    assert_true(load_and_find(CODE));
    assert_function(CODE, 0x100);
    put_at(entry + 4, UINT64_MAX, 8);
    assert_false(load_and_find(CODE));
}

TEST(test_lengths_that_are_reserved_or_too_long_are_refused) {
    static const uint64_t lengths[] = {0, 1, 3, 0x7FFFFFFF, 0xFFFFFFF0, 0xFFFFFFFE};
    for (size_t i = 0; i < LENGTH(lengths); i++) {
        start_with_one_function();
        put_at(entry_of_the_first_pair(), lengths[i], 4);
        assert_false(load_and_find(CODE));
        forget_table();
        assert_false(load_and_find(CODE));
    }
}

/* The section is read with its table and without it, truncated to every shorter length. */
TEST(test_of_an_image_that_is_cut_off_nothing_outside_is_read) {
    start_with_one_function();
    for (unsigned with_table = 2; with_table-- > 0;) {
        if (!with_table) forget_table();
        assert_true(load_and_find(CODE));
        for (size_t part = 0; part < size; part++) {
            load_part(part);
            assert_false(find(CODE));
        }
    }
}

TEST(test_an_image_may_start_anywhere) {
    start_with_one_function();
    for (size_t shift = 1; shift < 9; shift++) {
        uint8_t shifted[sizeof bytes];
        memset(shifted, 0xEE, shift);
        memcpy(shifted + shift, bytes, size);
        const uint8_t *copy = copy_before_a_guard(shifted, size + shift);
        image = (sp_eh_image){.start = copy, .end = copy + shift + size, .header = copy + shift};
        assert_true(find(CODE));
        assert_function(CODE, 0x100);
    }
}

static void put_small_entries(uint8_t *at, size_t count) {
    for (size_t i = 0; i < count; i++) memcpy(at + 8 * i, (uint8_t[]){U4(4), U4(0)}, 8);
}

TEST(test_a_search_from_the_first_entry_is_bounded) {
    start_with_one_function();
    forget_table();
    enum { OWN = 2 }; /* the CIE and the FDE */
    for (unsigned too_many = 0; too_many < 2; too_many++) {
        size_t others = SP_EH_SEARCHED_MAX - OWN + too_many, own = size - FIRST_ENTRY;
        size_t whole = FIRST_ENTRY + 8 * others + own;
        uint8_t *copy = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert_true(copy != MAP_FAILED);
        memcpy(copy, bytes, FIRST_ENTRY);
        put_small_entries(copy + FIRST_ENTRY, others);
        memcpy(copy + FIRST_ENTRY + 8 * others, bytes + FIRST_ENTRY, own);
        image = (sp_eh_image){.start = copy, .end = copy + whole, .header = copy};
        assert_int_equal(find(CODE + 8 * others), !too_many);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_function_is_found_by_its_first_and_its_last_byte),
        cmocka_unit_test(test_every_address_leads_to_its_function_or_to_none),
        cmocka_unit_test(test_the_number_of_pairs_in_every_encoding),
        cmocka_unit_test(test_the_first_entry_in_every_encoding),
        cmocka_unit_test(test_tables_of_another_kind_are_not_used),
        cmocka_unit_test(test_headers_of_another_version_or_outside_of_the_image_are_refused),
        cmocka_unit_test(test_pairs_that_lead_out_of_the_image_are_refused),
        cmocka_unit_test(test_more_pairs_than_there_is_room_for_are_refused),
        cmocka_unit_test(test_a_description_that_does_not_hold_the_address_is_not_handed_out),
        cmocka_unit_test(test_nothing_is_looked_for_behind_the_terminator),
        cmocka_unit_test(test_lengths_of_eight_bytes),
        cmocka_unit_test(test_lengths_that_are_reserved_or_too_long_are_refused),
        cmocka_unit_test(test_of_an_image_that_is_cut_off_nothing_outside_is_read),
        cmocka_unit_test(test_an_image_may_start_anywhere),
        cmocka_unit_test(test_a_search_from_the_first_entry_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
