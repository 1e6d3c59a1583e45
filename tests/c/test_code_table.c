#include "code_table.h"

#include "memory.h"
#include "options.h"
#include "support.h"

#include <stdio.h>
#include <string.h>

#define NO_LIMIT (UINT64_C(1) << 40)
#define CODES 20000

static sp_code_table table;

/* Return the n-th code object, in a buffer that is overwritten afterwards, so that the table must copy it. */
typedef struct source {
    char function[64], file[64];
    uint8_t lines[64];
    spprof_code code;
} source;

static const spprof_code *make_code(source *source, uint64_t n) {
    source->code = (spprof_code){
        .function = source->function,
        .file = source->file,
        .lines = source->lines,
        .function_length = (uint32_t)sprintf(source->function, "function_%llu", (unsigned long long)n),
        .file_length = (uint32_t)sprintf(source->file, "/module_%llu.py", (unsigned long long)n / 10),
        .lines_length = (uint32_t)(n % 50),
        .first_line = (int32_t)n,
    };
    memset(source->lines, (int)n, sizeof source->lines);
    return &source->code;
}

static uint32_t intern(uintptr_t address, uint64_t n) {
    source source;
    uint32_t id = sp_code_table_intern(&table, address, make_code(&source, n));
    memset(&source, '?', sizeof source);
    return id;
}

static bool is_code(uint32_t id, uint64_t n) {
    source source;
    spprof_code kept;
    const spprof_code *code = make_code(&source, n);
    return sp_code_table_get(&table, id, &kept) && kept.first_line == code->first_line &&
           kept.function_length == code->function_length && kept.file_length == code->file_length &&
           kept.lines_length == code->lines_length &&
           memcmp(kept.function, code->function, code->function_length) == 0 &&
           memcmp(kept.file, code->file, code->file_length) == 0 &&
           memcmp(kept.lines, code->lines, code->lines_length) == 0;
}

static uintptr_t address_of(uint64_t n) {
    return 0x7F0000000000 + n * 208 / 16 * 16;
}

/* ---- By content ---- */

TEST(test_code_is_copied_and_found_again_by_its_content) {
    sp_code_table_create(&table, NO_LIMIT);
    for (uint64_t n = 0; n < CODES; n++) assert_int_equal(intern(address_of(n), n), n + 1);
    for (uint64_t n = 0; n < CODES; n++) {
        assert_true(is_code((uint32_t)n + 1, n));
        assert_int_equal(intern(address_of(n + CODES), n), n + 1);
    }
    spprof_code code;
    assert_false(sp_code_table_get(&table, 0, &code));
    assert_false(sp_code_table_get(&table, CODES + 1, &code));
}

/* The strings' lengths separate them: moving bytes from one string to the next gives different content. */
TEST(test_every_part_of_a_code_object_tells_it_apart) {
    static const uint8_t lines[] = {1, 2, 3, 4};
    const spprof_code codes[] = {
        {"ab", "cd", lines, 2, 2, 3, 7},     {"abc", "d", lines, 3, 1, 3, 7}, {"ab", "cd", lines, 2, 2, 3, 8},
        {"ab", "cd", lines, 2, 2, 2, 7},     {"ab", "ce", lines, 2, 2, 3, 7}, {"ac", "cd", lines, 2, 2, 3, 7},
        {"ab", "cd", lines + 1, 2, 2, 3, 7}, {"", "", lines, 0, 0, 0, 7},     {"ab", "cd", lines, 2, 2, 3, -7},
    };
    sp_code_table_create(&table, NO_LIMIT);
    for (uint32_t i = 0; i < sizeof codes / sizeof *codes; i++)
        assert_int_equal(sp_code_table_intern(&table, 0x1000, &codes[i]), i + 1);
    for (uint32_t i = 0; i < sizeof codes / sizeof *codes; i++)
        assert_int_equal(sp_code_table_intern(&table, 0x1000, &codes[i]), i + 1);
}

TEST(test_names_longer_than_a_chunk_are_kept) {
    static char name[SP_ARENA_CHUNK * 2];
    memset(name, 'x', sizeof name);
    spprof_code code = {name, name, (const uint8_t *)name, sizeof name, 3, 5, 1}, kept;
    sp_code_table_create(&table, NO_LIMIT);
    uint32_t id = sp_code_table_intern(&table, 0x1000, &code);
    assert_true(sp_code_table_get(&table, id, &kept));
    assert_int_equal(kept.function_length, sizeof name);
    assert_memory_equal(kept.function, name, sizeof name);
    assert_memory_equal(kept.file, "xxx", 3);
}

TEST(test_a_full_table_gives_no_id_and_still_finds) {
    sp_code_table_create(&table, 50);
    for (uint64_t n = 0; n < 50; n++) assert_int_equal(intern(address_of(n), n), n + 1);
    size_t mapped = sp_memory_mapped();
    for (uint64_t n = 50; n < 20000; n++) assert_int_equal(intern(address_of(n), n), 0);
    assert_int_equal(sp_memory_mapped(), mapped);
    assert_int_equal(sp_code_table_lookup(&table, address_of(60)), 0);
    for (uint64_t n = 0; n < 50; n++) assert_int_equal(intern(address_of(n + 100), n), n + 1);
}

TEST(test_failing_memory_gives_no_id_and_later_one) {
    sp_code_table_create(&table, NO_LIMIT);
    sp_options.engine_bytes_max = 0;
    assert_int_equal(intern(0x1000, 1), 0);
    sp_options.engine_bytes_max = SP_ARENA_CHUNK;
    assert_int_equal(intern(0x1000, 1), 0);
    assert_int_equal(sp_code_table_lookup(&table, 0x1000), 0);
    sp_options.engine_bytes_max = NO_LIMIT;
    assert_true(is_code(intern(0x1000, 1), 1));
}

/* ---- By address ---- */

TEST(test_a_remembered_address_leads_to_its_code) {
    sp_code_table_create(&table, NO_LIMIT);
    assert_int_equal(sp_code_table_lookup(&table, 0x1000), 0);
    for (uint64_t n = 0; n < 1000; n++) assert_int_equal(intern(address_of(n), n), n + 1);
    unsigned remembered = 0;
    for (uint64_t n = 0; n < 1000; n++) {
        uint32_t id = sp_code_table_lookup(&table, address_of(n));
        assert_true(id == 0 || id == n + 1);
        remembered += id != 0;
    }
    assert_in_range(remembered, 990, 1000); /* a few sets receive more than four */
}

TEST(test_a_forgotten_address_lends_no_name) {
    sp_code_table_create(&table, NO_LIMIT);
    intern(0x1000, 1);
    intern(0x2000, 2);
    sp_code_table_forget(&table, 0x1000);
    assert_int_equal(sp_code_table_lookup(&table, 0x1000), 0);
    assert_int_equal(sp_code_table_lookup(&table, 0x2000), 2);
    sp_code_table_forget(&table, 0x3000);
    assert_int_equal(intern(0x1000, 3), 3);
    assert_int_equal(sp_code_table_lookup(&table, 0x1000), 3);
    assert_true(is_code(1, 1)); /* a code object that was sampled keeps its name */
}

TEST(test_other_code_at_the_same_address_takes_its_place) {
    sp_code_table_create(&table, NO_LIMIT);
    for (uint64_t n = 0; n < 100; n++) {
        assert_int_equal(intern(0x1000, n), n + 1);
        assert_int_equal(sp_code_table_lookup(&table, 0x1000), n + 1);
    }
    sp_code_table_forget(&table, 0x1000);
    assert_int_equal(sp_code_table_lookup(&table, 0x1000), 0);
}

TEST(test_the_same_code_at_two_addresses_is_one) {
    sp_code_table_create(&table, NO_LIMIT);
    assert_int_equal(intern(0x1000, 1), intern(0x2000, 1));
    sp_code_table_forget(&table, 0x1000);
    assert_int_equal(sp_code_table_lookup(&table, 0x2000), 1);
}

/* A set has four ways. If five addresses fall into one set, the newest is found, one of the others is not, and none
 * is wrong. */
TEST(test_a_crowded_set_forgets_but_never_errs) {
    sp_code_table_create(&table, NO_LIMIT);
    uintptr_t crowd[20];
    for (uintptr_t address = 16, found = 0; found < 20; address += 16)
        if (spprof_hash_address(address) >> 52 == 0x5A5) crowd[found++] = address;
    for (uint64_t n = 0; n < 20; n++) {
        assert_int_equal(intern(crowd[n], n), n + 1);
        assert_int_equal(sp_code_table_lookup(&table, crowd[n]), n + 1);
        unsigned remembered = 0;
        for (uint64_t i = 0; i <= n; i++) {
            uint32_t id = sp_code_table_lookup(&table, crowd[i]);
            assert_true(id == 0 || id == i + 1);
            remembered += id != 0;
        }
        assert_int_equal(remembered, n < 4 ? n + 1 : 4);
    }
}

TEST(test_more_addresses_than_the_cache_holds_never_err) {
    sp_code_table_create(&table, NO_LIMIT);
    for (uint64_t n = 0; n < 3 * SP_CODE_SETS * SP_CODE_WAYS; n++) intern(address_of(n), n % CODES);
    unsigned remembered = 0;
    for (uint64_t n = 0; n < 3 * SP_CODE_SETS * SP_CODE_WAYS; n++) {
        uint32_t id = sp_code_table_lookup(&table, address_of(n));
        assert_true(id == 0 || is_code(id, n % CODES));
        remembered += id != 0;
    }
    assert_in_range(remembered, SP_CODE_SETS * SP_CODE_WAYS * 9 / 10, SP_CODE_SETS * SP_CODE_WAYS);
}

/* The table does not store the low or high bits of these addresses, so it must not mistake one of them for an
 * address that shares the other bits. */
TEST(test_unaligned_and_high_addresses_are_not_remembered_but_right) {
    static const uintptr_t odd[] = {
        0, 0x1008, 0x1001, 0x100F, UINT64_C(1) << 48 | 0x1000, UINT64_C(0xFFFF) << 48 | 0x1000};
    sp_code_table_create(&table, NO_LIMIT);
    assert_int_equal(intern(0x1000, 0), 1);
    for (uint64_t n = 0; n < sizeof odd / sizeof *odd; n++) {
        assert_int_equal(intern(odd[n], n + 1), n + 2);
        assert_int_equal(sp_code_table_lookup(&table, odd[n]), 0);
        sp_code_table_forget(&table, odd[n]);
        assert_int_equal(sp_code_table_lookup(&table, 0x1000), 1);
    }
    uintptr_t highest = (UINT64_C(1) << 48) - 16;
    assert_int_equal(sp_code_table_lookup(&table, highest), 0);
    uint32_t id = intern(highest, 20);
    assert_int_equal(sp_code_table_lookup(&table, highest), id);
}

/* ---- Threads ---- */

#define THREADS 8
#define ADDRESSES 3000

/* The code at an address never changes here, so any code found there must be the right one. */
static void intern_look_up_and_forget(unsigned thread, void *argument) {
    (void)argument;
    uint64_t seed = thread + 1;
    for (int step = 0; step < 40000; step++) {
        uint64_t n = random_below(&seed, ADDRESSES);
        uint32_t id = sp_code_table_lookup(&table, address_of(n));
        CHECK(id == 0 || is_code(id, n));
        if (step % 16 == 0)
            sp_code_table_forget(&table, address_of(n));
        else if (id == 0)
            CHECK(is_code(intern(address_of(n), n), n));
    }
}

TEST(test_eight_threads_find_the_right_code_or_none) {
    sp_code_table_create(&table, NO_LIMIT);
    run_threads(THREADS, intern_look_up_and_forget, NULL);
    assert_int_equal(table.interned.count, table.interned.last_id);
    assert_in_range(table.interned.count, ADDRESSES, ADDRESSES * 5 / 4);
    for (uint64_t n = 0; n < ADDRESSES; n++) sp_code_table_forget(&table, address_of(n));
    for (uint64_t n = 0; n < ADDRESSES; n++) assert_int_equal(sp_code_table_lookup(&table, address_of(n)), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_code_is_copied_and_found_again_by_its_content),
        cmocka_unit_test(test_every_part_of_a_code_object_tells_it_apart),
        cmocka_unit_test(test_names_longer_than_a_chunk_are_kept),
        cmocka_unit_test(test_a_full_table_gives_no_id_and_still_finds),
        cmocka_unit_test(test_failing_memory_gives_no_id_and_later_one),
        cmocka_unit_test(test_a_remembered_address_leads_to_its_code),
        cmocka_unit_test(test_a_forgotten_address_lends_no_name),
        cmocka_unit_test(test_other_code_at_the_same_address_takes_its_place),
        cmocka_unit_test(test_the_same_code_at_two_addresses_is_one),
        cmocka_unit_test(test_a_crowded_set_forgets_but_never_errs),
        cmocka_unit_test(test_more_addresses_than_the_cache_holds_never_err),
        cmocka_unit_test(test_unaligned_and_high_addresses_are_not_remembered_but_right),
        cmocka_unit_test(test_eight_threads_find_the_right_code_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
