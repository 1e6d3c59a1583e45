/* Reading the descriptions themselves: every encoding, and the descriptions that are refused. */
#include "eh_assembler.h"

/* ---- CIE ---- */

TEST(test_versions_of_a_cie) {
    for (uint8_t version = 0; version < 8; version++) {
        uint8_t encoding = USUAL;
        start_section();
        size_t cie = put_cie(version, "zR", &encoding, 1);
        put_pair(CODE, put_fde(cie, USUAL, CODE, 0x100, true));
        bool known = version == 1 || version == 3 || version == 4;
        assert_int_equal(load_and_find(CODE), known);
        if (known) assert_function(CODE, 0x100);
    }
}

/* The column is one byte, or from version 3 on as many bytes as needed. */
TEST(test_the_return_column_is_one_that_is_counted) {
    enum { COLUMN_AT = 4 + 4 + 1 + 3 + 2 }; /* after length, id, version, "zR", factors */
    for (unsigned column = 0; column < 256; column++) {
        start_section();
        size_t cie = put_usual_cie(USUAL);
        put_at(cie + COLUMN_AT, column, 1);
        put_pair(CODE, put_fde(cie, USUAL, CODE, 0x100, true));
        assert_int_equal(load_and_find(CODE), column < SP_REGISTER_COUNT);
        if (column < SP_REGISTER_COUNT) assert_int_equal(fde.return_column, column);
    }
    for (uint8_t version = 1; version <= 3; version += 2) {
        start_section();
        size_t cie = start_entry();
        put_bytes((uint8_t[]){U4(0), version, 'z', 'R', 0, 4, 0x78, 0x80 | SP_REGISTER_FP, 0}, 12);
        put_bytes((uint8_t[]){1, USUAL, CIE_PROGRAM}, 5);
        end_entry(cie);
        put_pair(CODE, put_fde(cie, USUAL, CODE, 0x100, true));
        assert_int_equal(load_and_find(CODE), version == 3);
        if (version == 3) assert_function(CODE, 0x100);
    }
}

TEST(test_sizes_of_addresses_and_segments_in_version_four) {
    static const uint8_t sizes[][3] = {{8, 0, true}, {4, 0, false}, {0, 0, false}, {8, 1, false}};
    for (size_t i = 0; i < LENGTH(sizes); i++) {
        uint8_t encoding = USUAL;
        start_section();
        size_t cie = put_cie(4, "zR", &encoding, 1);
        put_at(cie + 4 + 4 + 1 + 3, sizes[i][0], 1);
        put_at(cie + 4 + 4 + 1 + 4, sizes[i][1], 1);
        put_pair(CODE, put_fde(cie, USUAL, CODE, 0x100, true));
        assert_int_equal(load_and_find(CODE), sizes[i][2]);
    }
}

TEST(test_augmentations) {
    static const struct {
        const char *letters;
        uint8_t size, data[16];
        bool found, signal_frame;
    } cases[] = {
        {"zR", 1, {USUAL}, true, false},
        {"zRS", 1, {USUAL}, true, true},
        {"zSR", 1, {USUAL}, true, true},
        {"zRB", 1, {USUAL}, true, false},
        {"zRBS", 1, {USUAL}, true, true},
        {"zLR", 2, {0x1B, USUAL}, true, false},
        {"zR", 4, {USUAL, 1, 2, 3}, true, false}, /* more data than the letters call for */
        {"zRX", 3, {USUAL, 1, 2}, true, false},   /* an unknown letter */
        {"zXR", 3, {1, 2, USUAL}, false, false},  /* an unknown letter that hides the encoding of addresses */
        {"zPLR", 7, {INDIRECT | USUAL, 1, 2, 3, 4, 0x1B, USUAL}, true, false},
        {"zPLR", 11, {ABSPTR, 1, 2, 3, 4, 5, 6, 7, 8, 0x1B, USUAL}, true, false},
        {"zPLR", 5, {UDATA2, 1, 2, 0x1B, USUAL}, true, false},
        {"zPLR", 5, {ULEB, 0x80, 1, 0x1B, USUAL}, true, false},
        {"zPR", 2, {OMIT, USUAL}, true, false},
        {"zPR", 3, {0x07, 1, USUAL}, false, false}, /* of unknown size */
        {"zR", 0, {0}, false, false},
        {"zRL", 1, {USUAL}, false, false},
        {"zRP", 4, {USUAL, SDATA4, 1, 2}, false, false},
        {"zRSSSSSS", 1, {USUAL}, true, true},
        {"zRSSSSSSS", 1, {USUAL}, false, false}, /* longer than any real one */
        {"R", 1, {USUAL}, false, false},
        {"eh", 8, {0}, false, false},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        start_section();
        size_t cie = put_cie(1, cases[i].letters, cases[i].data, cases[i].size);
        put_pair(CODE, put_fde(cie, USUAL, CODE, 0x100, true));
        assert_int_equal(load_and_find(CODE), cases[i].found);
        if (!cases[i].found) continue;
        assert_function(CODE, 0x100);
        assert_int_equal(fde.signal_frame, cases[i].signal_frame);
    }
}

TEST(test_an_aligned_personality_is_skipped_with_what_is_before_it) {
    for (size_t before = 0; before < 8; before++) {
        start_section();
        while (size % 8 != before) put(0, 1);
        enum { DATA_AT = 4 + 4 + 1 + 4 + 3 + 1 }; /* length, id, version, "zPR", factors, size of the data */
        size_t after_encoding = size + DATA_AT + 1, padding = -after_encoding % 8;
        uint8_t data[17] = {[0] = ALIGNED};
        data[1 + padding + 8] = USUAL;
        size_t cie = put_cie(1, "zPR", data, 1 + padding + 8 + 1);
        put_pair(CODE, put_fde(cie, USUAL, CODE, 0x100, true));
        while (size % 8 != 0) put(0, 1); /* the image ends at a guard page; its end is aligned, so its start is too */
        assert_true(load_and_find(CODE));
        assert_function(CODE, 0x100);
    }
}

TEST(test_without_augmentation_addresses_are_absolute) {
    static const char *const letters[] = {"", "R", "S", "eh"}; /* the letters have no leading z, or are too old */
    for (size_t i = 0; i < LENGTH(letters); i++) {
        start_section();
        size_t cie = put_cie(1, letters[i], (const uint8_t[]){0}, 0);
        put_fde(cie, ABSPTR, 0x1234567890, 0x100, false);
        forget_table();
        load_part(size);
        assert_int_equal(find_absolute(0x1234567890), i == 0);
        if (i > 0) continue;
        assert_int_equal(fde.pc_start, 0x1234567890);
        assert_int_equal(fde.pc_end, 0x1234567990);
        assert_int_equal(fde.fde_program_end - fde.fde_program, 2);
    }
}

TEST(test_a_cie_that_is_none_or_not_there_is_refused) {
    start_with_one_function();
    size_t id_at = entry_of_the_first_pair() + 4;
    const uint64_t ids[] = {0, 4, 1, id_at + 1, UINT32_MAX, 0x80000000}; /* 0: a CIE itself, 4: refers to itself */
    for (size_t i = 0; i < LENGTH(ids); i++) {
        put_at(id_at, ids[i], 4);
        assert_false(load_and_find(CODE));
    }
    put_at(id_at, id_at - FIRST_ENTRY, 4);
    assert_true(load_and_find(CODE));
    put_at(FIRST_ENTRY + 4, 1, 4); /* overwrites the CIE's id, so that it becomes an FDE */
    assert_false(load_and_find(CODE));
}

/* ---- FDE ---- */

TEST(test_addresses_in_every_encoding) {
    static const uint8_t formats[] = {ABSPTR, ULEB, UDATA2, UDATA4, UDATA8, SLEB, SDATA2, SDATA4, SDATA8};
    enum { NEAR = 0x2000 }; /* an offset of two bytes reaches it */
    for (size_t i = 0; i < LENGTH(formats); i++) {
        start_section();
        size_t cie = put_usual_cie(formats[i] | PCREL);
        put_pair(NEAR, put_fde(cie, formats[i] | PCREL, NEAR, 0x100, true));
        assert_true(load_and_find(NEAR + 0xFF));
        assert_function(NEAR, 0x100);
        assert_int_equal(fde.pointer_encoding, formats[i] | PCREL);
        start_section();
        cie = put_usual_cie(formats[i]);
        put_fde(cie, formats[i], NEAR, 0x100, true);
        forget_table();
        load_part(size);
        assert_true(find_absolute(NEAR));
        assert_int_equal(fde.pc_start, NEAR);
        assert_int_equal(fde.pc_end, NEAR + 0x100);
    }
}

TEST(test_functions_may_lie_before_their_description) {
    start_section();
    size_t cie = put_usual_cie(USUAL);
    put_pair((uint64_t)-0x1000, put_fde(cie, USUAL, (uint64_t)-0x1000, 0x100, true));
    assert_true(load_and_find((uint64_t)-0x1000));
    assert_function((uint64_t)-0x1000, 0x100);
}

TEST(test_addresses_that_cannot_be_known_are_refused) {
    static const uint8_t encodings[] = {TEXTREL | SDATA4, DATAREL | SDATA4, FUNCREL | SDATA4,
                                        ALIGNED,          INDIRECT | USUAL, OMIT};
    for (size_t i = 0; i < LENGTH(encodings); i++) {
        start_section();
        size_t cie = put_usual_cie(encodings[i]);
        put_pair(CODE, put_fde(cie, USUAL, CODE, 0x100, true));
        assert_false(load_and_find(CODE));
    }
}

TEST(test_a_function_of_no_length_holds_nothing) {
    start_section();
    put_usual_function(CODE, 0);
    assert_false(load_and_find(CODE));
    forget_table();
    assert_false(load_and_find(CODE));
}

TEST(test_a_function_that_ends_behind_all_addresses_is_refused) {
    start_section();
    size_t cie = put_usual_cie(ABSPTR);
    put_fde(cie, ABSPTR, UINTPTR_MAX - 0xFF, 0x100, true);
    size_t whole = put_fde(cie, ABSPTR, UINTPTR_MAX - 0xFF, 0xFF, true);
    forget_table();
    load_part(size);
    assert_true(find_absolute(UINTPTR_MAX - 1));
    assert_ptr_equal(fde.fde_program_end, image.end);
    assert_false(find_absolute(UINTPTR_MAX));
    load_part(whole);
    assert_false(find_absolute(UINTPTR_MAX - 1));
}

TEST(test_augmentation_data_of_a_function_is_skipped) {
    start_section();
    size_t cie = put_usual_cie(USUAL), entry = start_entry();
    put(size - cie, 4);
    put_pointer(USUAL, CODE);
    put(0x100, 4);
    size_t length_at = size;
    put_bytes((uint8_t[]){4, 1, 2, 3, 4, FDE_PROGRAM}, 7);
    end_entry(entry);
    put_pair(CODE, entry);
    assert_true(load_and_find(CODE));
    assert_function(CODE, 0x100);
    put_at(length_at, 7, 1);
    assert_false(load_and_find(CODE));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_versions_of_a_cie),
        cmocka_unit_test(test_the_return_column_is_one_that_is_counted),
        cmocka_unit_test(test_sizes_of_addresses_and_segments_in_version_four),
        cmocka_unit_test(test_augmentations),
        cmocka_unit_test(test_an_aligned_personality_is_skipped_with_what_is_before_it),
        cmocka_unit_test(test_without_augmentation_addresses_are_absolute),
        cmocka_unit_test(test_a_cie_that_is_none_or_not_there_is_refused),
        cmocka_unit_test(test_addresses_in_every_encoding),
        cmocka_unit_test(test_functions_may_lie_before_their_description),
        cmocka_unit_test(test_addresses_that_cannot_be_known_are_refused),
        cmocka_unit_test(test_a_function_of_no_length_holds_nothing),
        cmocka_unit_test(test_a_function_that_ends_behind_all_addresses_is_refused),
        cmocka_unit_test(test_augmentation_data_of_a_function_is_skipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
