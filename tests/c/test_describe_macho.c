/* Descriptions of a Mach-O object in memory: compact ones, those that lead to DWARF, and those that the code provides.
 * What encodings mean is tested in test_compact_row_….c, what instructions mean in test_edge_row_….c.
 */
#include "describe.h"
#include "dwarf_bytes.h"
#include "image_table.h"
#include "loaded_macho.h"
#include "signal_frame.h"

enum { FRAMED = 0x1100, IN_DWARF = 0x1200, FAR_IN_DWARF = 0x1300, UNDESCRIBED = 0x1400, TABLE_END = 0x1500 };
enum { FIRST_FDE = 28, CIE_BYTES = 28 };

static uint8_t *loaded;
static uintptr_t return_address; /* of signal handlers */

bool sp_signal_frame_is_hidden(uintptr_t pc) {
    return pc == return_address;
}

static sp_object object;
static sp_description found;

/* Encodings of both architectures, as far as they differ. */
static uint32_t encoding(bool is_frame, uint32_t offset) {
    bool is_x86 = SP_MACHO_OWN_MACHINE == 0x01000007;
    uint32_t mode = is_frame ? (is_x86 ? 1 : 4) : (is_x86 ? 4 : 3);
    return mode << 24 | offset;
}

/* [ header | index: one page, its end | page: regular entries ] */
static void write_unwind_info(uint32_t in_dwarf, uint32_t far_in_dwarf) {
    const uint32_t words[] = {1,
                              28,
                              0,
                              28,
                              0,
                              28,
                              2,
                              FRAMED,
                              52,
                              0,
                              TABLE_END,
                              0,
                              0,
                              2,
                              8 | 4 << 16,
                              FRAMED,
                              encoding(true, 0),
                              IN_DWARF,
                              encoding(false, in_dwarf),
                              FAR_IN_DWARF,
                              encoding(false, far_in_dwarf),
                              UNDESCRIBED,
                              0};
    memcpy(loaded + UNWIND_AT, words, sizeof words);
}

/* The CFA is the stack pointer + `depth`; addresses are relative to where they are. */
static size_t write_fde(size_t at, uint64_t start, uint8_t depth) {
    uint8_t entry[] = {U4(28), U4(at + 4), U8(start - (EH_AT + at + 8)), U8(0x100), 0, 0x0E, depth, 0, 0, 0, 0, 0};
    memcpy(loaded + EH_AT + at, entry, sizeof entry);
    return at + sizeof entry;
}

static void write_eh_frame(void) {
    const uint8_t cie[] = {
        U4(CIE_BYTES - 4),         U4(0), 1, 'z', 'R', 0, 1, 0x78, SP_REGISTER_RETURN, 1, 0x10, 0x0C, SP_REGISTER_SP, 8,
        0x80 | SP_REGISTER_RETURN, 1,     0, 0,   0,   0, 0, 0};
    assert_int_equal(sizeof cie, CIE_BYTES);
    memcpy(loaded + EH_AT, cie, sizeof cie);
    write_fde(write_fde(FIRST_FDE, IN_DWARF, 40), FAR_IN_DWARF, 72);
}

static void load(void) {
    loaded = load_macho(1);
    write_unwind_info(FIRST_FDE, 0);
    write_eh_frame();
    sp_image_table_add(loaded, "/a");
    assert_true(sp_image_table_find((uintptr_t)loaded, &object));
}

static bool describe(size_t at) {
    memset(&found, 0xAA, sizeof found);
    return sp_describe(&object, (uintptr_t)loaded + at, &found);
}

static void assert_cfa(uint64_t number, int64_t offset) {
    assert_false(found.row.cfa_is_expression);
    assert_int_equal(found.row.cfa_register, number);
    assert_int_equal(found.row.cfa_offset, offset);
}

TEST(test_a_compact_description) {
    load();
    assert_true(describe(FRAMED + 0x80));
    assert_cfa(SP_REGISTER_FP, 16);
    assert_int_equal(found.row.rules[SP_REGISTER_FP].offset, -16);
    assert_int_equal(found.row.rules[SP_REGISTER_RETURN].offset, -8);
    assert_int_equal(found.fde.pc_start, (uintptr_t)loaded + FRAMED);
    assert_int_equal(found.fde.pc_end, (uintptr_t)loaded + IN_DWARF);
    assert_int_equal(found.fde.return_column, SP_REGISTER_RETURN);
    assert_false(found.fde.signal_frame);
}

TEST(test_a_description_in_dwarf_at_its_offset) {
    load();
    assert_true(describe(IN_DWARF));
    assert_cfa(SP_REGISTER_SP, 40);
    assert_int_equal(found.fde.pc_start, (uintptr_t)loaded + IN_DWARF);
    assert_int_equal(found.fde.pc_end, (uintptr_t)loaded + IN_DWARF + 0x100);
}

TEST(test_a_description_in_dwarf_without_an_offset) {
    load();
    assert_true(describe(FAR_IN_DWARF + 0xFF));
    assert_cfa(SP_REGISTER_SP, 72);
}

TEST(test_a_wrong_offset_is_as_none) {
    load();
    for (uint32_t offset = 1; offset < 0x1000; offset += 7) {
        write_unwind_info(offset, 0xFFFFFF);
        assert_true(describe(IN_DWARF));
        assert_cfa(SP_REGISTER_SP, 40);
        assert_true(describe(FAR_IN_DWARF));
        assert_cfa(SP_REGISTER_SP, 72);
    }
}

TEST(test_an_object_that_has_only_dwarf) {
    load();
    object.compact = object.compact_end = NULL;
    assert_true(describe(FAR_IN_DWARF));
    assert_cfa(SP_REGISTER_SP, 72);
    assert_false(describe(FRAMED));
    object.eh_start = object.eh_end = NULL;
    assert_false(describe(FAR_IN_DWARF));
}

TEST(test_the_code_that_handlers_return_to_is_a_signals_frame) {
    load();
    return_address = (uintptr_t)loaded + FRAMED + 0x81;
    assert_true(describe(FRAMED + 0x80));
    assert_true(found.fde.signal_frame);
    assert_true(describe(FRAMED + 0x81));
    assert_false(found.fde.signal_frame);
}

TEST(test_what_is_not_described) {
    load();
    assert_false(describe(UNDESCRIBED));
    assert_false(describe(TABLE_END));
    assert_false(describe(FRAMED - 1));
    assert_false(describe(TEXT_SIZE - 1));
    assert_false(describe(TEXT_SIZE));
    assert_false(describe((size_t)-1));
}

TEST(test_functions_that_share_a_description_are_distinguished) {
    load();
    const uint8_t starts[] = {0x80, 0x22, 0x40, 0xC0, 0x01, 0x80, 0x02, 0}; /* 0x1100, + 0x40, + 0xC0, + 0x100 */
    memcpy(loaded + STARTS_AT, starts, sizeof starts);
    const size_t begins[] = {FRAMED, FRAMED + 0x40, IN_DWARF, FAR_IN_DWARF, TEXT_SIZE};
    uintptr_t start, end, base = (uintptr_t)loaded;
    for (int i = 0; i < 4; i++) {
        assert_true(sp_describe_function(&object, base + begins[i], &start, &end));
        assert_int_equal(start, base + begins[i]);
        assert_int_equal(end, base + begins[i + 1]);
        assert_true(sp_describe_function(&object, end - 1, &start, &end));
        assert_int_equal(start, base + begins[i]);
    }
    assert_false(sp_describe_function(&object, base + FRAMED - 1, &start, &end));
    assert_false(sp_describe_function(&object, base + TEXT_SIZE, &start, &end));
}

/* Any byte of the descriptions may be anything: reading stays in the object. */
TEST(test_no_description_leads_the_reader_astray) {
    load();
    uint64_t random = 1;
    for (int i = 0; i < 20000; i++) {
        size_t at =
            random_below(&random, 2) ? UNWIND_AT + random_below(&random, 90) : EH_AT + random_below(&random, 100);
        uint8_t before = loaded[at];
        loaded[at] = (uint8_t)next_random(&random);
        for (size_t pc = FRAMED; pc < TABLE_END; pc += 0x80) describe(pc);
        if (random_below(&random, 4) > 0) loaded[at] = before;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_compact_description),
        cmocka_unit_test(test_a_description_in_dwarf_at_its_offset),
        cmocka_unit_test(test_a_description_in_dwarf_without_an_offset),
        cmocka_unit_test(test_a_wrong_offset_is_as_none),
        cmocka_unit_test(test_an_object_that_has_only_dwarf),
        cmocka_unit_test(test_the_code_that_handlers_return_to_is_a_signals_frame),
        cmocka_unit_test(test_what_is_not_described),
        cmocka_unit_test(test_functions_that_share_a_description_are_distinguished),
        cmocka_unit_test(test_no_description_leads_the_reader_astray),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
