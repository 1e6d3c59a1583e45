/* Functions of Mach-O files: images built here, universal ones, and files with false contents. Real files are tested in
 * tests/python.
 */
#include "image_table.h"
#include "loaded_macho.h"
#include "macho_file.h"
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- Images ----
 *
 *   [ header ][ __TEXT, two sections ][ symbol table ][ UUID ][ function starts ][ symbols ][ strings ][ starts ]
 */

#define TEXT 0x100000000
#define CODE (TEXT + 0x1000)
#define CODE_SIZE 0x1000
#define DATA (CODE + CODE_SIZE)
#define DATA_SIZE 0x100
#define COMMANDS 5
#define COMMANDS_SIZE (72 + 2 * 80 + 24 + 24 + 16)
#define ANOTHER_MACHINE 7
#define STRINGS 4096

enum { IN_CODE = 1, IN_DATA = 2 };
enum { LOCAL = SP_MACHO_IN_SECTION, GLOBAL = SP_MACHO_IN_SECTION | SP_MACHO_EXTERNAL };

static uint8_t image[1 << 18];
static size_t image_size;
static char path[64];
static int file = -1;
static sp_macho_symbol symbols[256];
static uint32_t symbol_count, strings_size;
static char strings[STRINGS];
static uint8_t starts[64];
static uint32_t starts_size;
static const uint8_t uuid[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

static void begin(void) {
    symbol_count = starts_size = 0;
    strings_size = 1; /* the first one is empty */
}

static sp_macho_symbol *add(const char *name, uint8_t type, uint8_t section, uint64_t value) {
    sp_macho_symbol *symbol = &symbols[symbol_count++];
    *symbol = (sp_macho_symbol){.name = strings_size, .type = type, .section = section, .value = value};
    memcpy(strings + strings_size, name, strlen(name) + 1);
    strings_size += (uint32_t)strlen(name) + 1;
    return symbol;
}

/* Distances, in ULEB128; the caller ends with 0. */
static void add_start(uint64_t distance) {
    do {
        starts[starts_size++] = (uint8_t)((distance & 0x7F) | (distance > 0x7F ? 0x80 : 0));
        distance >>= 7;
    } while (distance > 0);
}

static void put(const void *bytes, size_t size) {
    memcpy(image + image_size, bytes, size);
    image_size += size;
}

static void put_words(size_t count, const uint32_t *words) {
    put(words, count * 4);
}

#define PUT(...) put_words(sizeof((uint32_t[]){__VA_ARGS__}) / 4, (uint32_t[]){__VA_ARGS__})

static void put_section(const char *name, uint64_t address, uint64_t size, uint32_t flags) {
    sp_macho_section section = {.segment = "__TEXT", .address = address, .size = size, .flags = flags};
    strncpy(section.name, name, sizeof section.name);
    put(&section, sizeof section);
}

static void put_object(uint32_t machine, uint8_t first_of_uuid) {
    size_t begin = image_size;
    uint32_t symbols_at = 32 + COMMANDS_SIZE, strings_at = symbols_at + symbol_count * 16;
    PUT(0xFEEDFACF, machine, 0, 6, COMMANDS - 1, COMMANDS_SIZE, 0, 0);
    PUT(0x19, 72 + 2 * 80);
    put((char[16]){"__TEXT"}, 16);
    put((uint64_t[]){TEXT, 0x10000, 0, 0x10000}, 32);
    PUT(5, 5, 2, 0);
    put_section("__text", CODE, CODE_SIZE, 0x80000400);
    put_section("__const", DATA, DATA_SIZE, 0);
    PUT(0x2, 24, symbols_at, symbol_count, strings_at, strings_size);
    PUT(0x1B, 24);
    put(uuid, 16);
    image[image_size - 16] = first_of_uuid;
    PUT(0x26, 16, strings_at + strings_size, starts_size);
    assert_int_equal(image_size - begin, symbols_at);
    put(symbols, symbol_count * 16);
    put(strings, strings_size);
    put(starts, starts_size);
}

static void write_image(void) {
    if (file < 0) file = fileno(tmpfile());
    snprintf(path, sizeof path, "/dev/fd/%d", file);
    assert_int_equal(ftruncate(file, 0), 0);
    assert_int_equal(pwrite(file, image, image_size, 0), image_size);
}

static void write_object(void) {
    image_size = 0;
    put_object(SP_MACHO_OWN_MACHINE, 1);
    write_image();
}

/* ---- Questions ---- */

static char names[1 << 16];
static spprof_symbol found[64];

static spprof_symbols_status ask(size_t count, const uint64_t *addresses, const uint8_t *build_id) {
    spprof_symbols_query query = {.path = path, .addresses = addresses, .count = count};
    if (build_id) query.build_id = build_id, query.build_id_length = 16;
    spprof_symbols answer = {.found = found, .names = names, .names_capacity = sizeof names};
    return spprof_symbols_find(&query, &answer);
}

static void assert_named(size_t number, const char *name, uint64_t start) {
    assert_int_equal(found[number].length, strlen(name));
    assert_memory_equal(names + found[number].name, name, strlen(name));
    if (name[0]) assert_int_equal(found[number].start, start);
}

#define ASK(...) ask(sizeof((uint64_t[]){__VA_ARGS__}) / 8, (uint64_t[]){__VA_ARGS__}, NULL)

TEST(test_a_function_ends_where_the_next_symbol_begins) {
    begin();
    add("_second", GLOBAL, IN_CODE, CODE + 0x40);
    add("_first", LOCAL, IN_CODE, CODE + 0x10);
    write_object();
    assert_int_equal(ASK(CODE, CODE + 0x10, CODE + 0x3F, CODE + 0x40, CODE + CODE_SIZE - 1, DATA),
                     SPPROF_SYMBOLS_FOUND);
    assert_named(0, "", 0);
    assert_named(1, "first", CODE + 0x10);
    assert_named(2, "first", CODE + 0x10);
    assert_named(3, "second", CODE + 0x40);
    assert_named(4, "second", CODE + 0x40);
    assert_named(5, "", 0);
}

TEST(test_a_function_whose_name_was_stripped_has_no_name) {
    begin();
    add("_first", GLOBAL, IN_CODE, CODE);
    add("_third", GLOBAL, IN_CODE, CODE + 0x200);
    add_start(0x1000);
    add_start(0x100);
    add_start(0x100);
    add_start(0);
    write_object();
    assert_int_equal(ASK(CODE + 0xFF, CODE + 0x100, CODE + 0x1FF, CODE + 0x200), SPPROF_SYMBOLS_FOUND);
    assert_named(0, "first", CODE);
    assert_named(1, "", 0);
    assert_named(2, "", 0);
    assert_named(3, "third", CODE + 0x200);
}

TEST(test_only_code_has_functions) {
    begin();
    add("_data", GLOBAL, IN_DATA, DATA);
    add("_debug", 0x24, IN_CODE, CODE);
    add("_undefined", SP_MACHO_EXTERNAL, 0, CODE);
    add("_absolute", 2, 0, CODE);
    add("_nowhere", GLOBAL, 9, CODE);
    write_object();
    assert_int_equal(ASK(CODE, CODE + 4, DATA), SPPROF_SYMBOLS_FOUND);
    for (size_t i = 0; i < 3; i++) assert_named(i, "", 0);
}

TEST(test_the_best_of_several_names_at_one_address) {
    begin();
    add("_local", LOCAL, IN_CODE, CODE);
    add("_weak", GLOBAL, IN_CODE, CODE)->description = SP_MACHO_WEAK;
    add("___global", GLOBAL, IN_CODE, CODE);
    add("_global_b", GLOBAL, IN_CODE, CODE);
    add("_global_a", GLOBAL, IN_CODE, CODE);
    add("_hidden", GLOBAL | SP_MACHO_PRIVATE, IN_CODE, CODE);
    write_object();
    assert_int_equal(ASK(CODE), SPPROF_SYMBOLS_FOUND);
    assert_named(0, "global_a", CODE);
}

TEST(test_a_name_without_an_underscore_stays_whole) {
    begin();
    add("handwritten", GLOBAL, IN_CODE, CODE);
    write_object();
    assert_int_equal(ASK(CODE + 1), SPPROF_SYMBOLS_FOUND);
    assert_named(0, "handwritten", CODE);
}

TEST(test_another_build_is_refused) {
    begin();
    add("_f", GLOBAL, IN_CODE, CODE);
    write_object();
    const uint64_t address = CODE;
    uint8_t other[16] = {9};
    assert_int_equal(ask(1, &address, uuid), SPPROF_SYMBOLS_FOUND);
    assert_named(0, "f", CODE);
    assert_int_equal(ask(1, &address, other), SPPROF_SYMBOLS_OTHER_BUILD);
    assert_named(0, "", 0);
}

/* ---- Universal files ---- */

static void put_big_endian(uint32_t word) {
    uint8_t bytes[4] = {(uint8_t)(word >> 24), (uint8_t)(word >> 16), (uint8_t)(word >> 8), (uint8_t)word};
    put(bytes, 4);
}

static void put_slice(bool wide, uint32_t machine, uint32_t offset) {
    put_big_endian(machine);
    put_big_endian(0);
    if (wide) put_big_endian(0);
    put_big_endian(offset);
    for (int i = 0; i < (wide ? 4 : 2); i++) put_big_endian(0);
}

/* Another machine's slice, then two of ours with UUIDs that begin with 1 and 2. */
static void write_universal(bool wide) {
    image_size = 0;
    put_big_endian(wide ? 0xCAFEBABF : 0xCAFEBABE);
    put_big_endian(3);
    for (uint32_t i = 0; i < 3; i++) put_slice(wide, i == 0 ? ANOTHER_MACHINE : SP_MACHO_OWN_MACHINE, (i + 1) << 14);
    for (uint32_t i = 0; i < 3; i++) {
        begin();
        add(i == 0 ? "_foreign" : i == 1 ? "_one" : "_two", GLOBAL, IN_CODE, CODE);
        image_size = (size_t)(i + 1) << 14;
        put_object(i == 0 ? ANOTHER_MACHINE : SP_MACHO_OWN_MACHINE, (uint8_t)i);
    }
    write_image();
}

TEST(test_a_universal_file_is_read_in_this_machines_slice) {
    const uint64_t address = CODE;
    uint8_t second[16], third[16];
    memcpy(second, uuid, 16);
    memcpy(third, uuid, 16);
    second[0] = 2, third[0] = 3;
    for (int wide = 0; wide < 2; wide++) {
        write_universal(wide);
        assert_int_equal(ask(1, &address, NULL), SPPROF_SYMBOLS_FOUND);
        assert_named(0, "one", CODE);
        assert_int_equal(ask(1, &address, second), SPPROF_SYMBOLS_FOUND);
        assert_named(0, "two", CODE);
        assert_int_equal(ask(1, &address, third), SPPROF_SYMBOLS_OTHER_BUILD);
    }
}

/* ---- Loaded objects ---- */

static const uint8_t loaded_uuid[16] = {7, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4};

static void load_with_symbols(void) {
    uint8_t *loaded = load_macho(7);
    begin();
    add("_exported", GLOBAL, IN_CODE, TEXT_ADDRESS + CODE_AT);
    add("<redacted>", LOCAL, IN_CODE, TEXT_ADDRESS + CODE_AT + 0x100);
    add_start(CODE_AT);
    add_start(0x80);
    add_start(0);
    memcpy(loaded + LINKEDIT_AT, symbols, symbol_count * sizeof *symbols);
    memcpy(loaded + STRINGS_AT, strings, strings_size);
    memcpy(loaded + STARTS_AT, starts, starts_size);
    sp_image_table_add(loaded, "/usr/lib/libone.dylib");
}

static void assert_loaded_names(void) {
    const uint64_t addresses[] = {TEXT_ADDRESS + CODE_AT + 0x7F, TEXT_ADDRESS + CODE_AT + 0x80,
                                  TEXT_ADDRESS + CODE_AT + 0x100, TEXT_ADDRESS + UNWIND_AT};
    assert_int_equal(ask(4, addresses, loaded_uuid), SPPROF_SYMBOLS_FOUND);
    assert_named(0, "exported", TEXT_ADDRESS + CODE_AT);
    for (size_t i = 1; i < 4; i++) assert_named(i, "", 0);
}

TEST(test_a_loaded_object_without_a_file) {
    load_with_symbols();
    snprintf(path, sizeof path, "/usr/lib/libone.dylib");
    errno = 77;
    assert_loaded_names();
    assert_int_equal(errno, 77);
    const uint64_t address = TEXT_ADDRESS + CODE_AT;
    assert_int_equal(ask(1, &address, NULL), SPPROF_SYMBOLS_NO_FILE);
    assert_int_equal(ask(1, &address, uuid), SPPROF_SYMBOLS_NO_FILE);
    assert_int_equal(errno, 77);
}

TEST(test_a_loaded_object_whose_file_was_replaced) {
    load_with_symbols();
    begin();
    add("_other", GLOBAL, IN_CODE, CODE);
    write_object();
    assert_loaded_names();
}

/* Its addresses are those of the query, not the file's. */
TEST(test_a_loaded_object_that_was_moved) {
    load_with_symbols();
    begin();
    add("_moved", GLOBAL, IN_CODE, CODE);
    image_size = 0;
    put_object(SP_MACHO_OWN_MACHINE, 7);
    memcpy(image + 32 + COMMANDS_SIZE - 16 - 16, loaded_uuid, 16);
    write_image();
    assert_loaded_names();
}

/* ---- Files that lie ---- */

TEST(test_what_is_no_object_of_this_machine_is_refused) {
    begin();
    image_size = 0;
    put_object(ANOTHER_MACHINE, 1);
    write_image();
    assert_int_equal(ASK(CODE), SPPROF_SYMBOLS_NOT_AN_ELF);
    image_size = 3;
    write_image();
    assert_int_equal(ASK(CODE), SPPROF_SYMBOLS_NOT_AN_ELF);
    snprintf(path, sizeof path, "/nowhere");
    assert_int_equal(ASK(CODE), SPPROF_SYMBOLS_NO_FILE);
}

/* Each byte of the header and the commands gets every value, then the file is cut anywhere: nothing may crash. */
TEST(test_no_file_leads_the_reader_astray) {
    begin();
    add("_first", GLOBAL, IN_CODE, CODE);
    add("_second", LOCAL, IN_CODE, CODE + 0x100);
    add_start(0x1000);
    add_start(0);
    write_object();
    size_t whole = image_size;
    for (size_t i = 0; i < whole; i++) {
        uint8_t byte = image[i];
        for (unsigned value = 0; value < 256; value += i < 32 + COMMANDS_SIZE ? 15 : 51) {
            image[i] = (uint8_t)value;
            write_image();
            ASK(0, CODE, CODE + 0x101, DATA, UINT64_MAX);
        }
        image[i] = byte;
    }
    for (image_size = 0; image_size < whole; image_size++) {
        write_image();
        ASK(CODE, CODE + 0x101);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_function_ends_where_the_next_symbol_begins),
        cmocka_unit_test(test_a_function_whose_name_was_stripped_has_no_name),
        cmocka_unit_test(test_only_code_has_functions),
        cmocka_unit_test(test_the_best_of_several_names_at_one_address),
        cmocka_unit_test(test_a_name_without_an_underscore_stays_whole),
        cmocka_unit_test(test_another_build_is_refused),
        cmocka_unit_test(test_a_universal_file_is_read_in_this_machines_slice),
        cmocka_unit_test(test_a_loaded_object_without_a_file),
        cmocka_unit_test(test_a_loaded_object_whose_file_was_replaced),
        cmocka_unit_test(test_a_loaded_object_that_was_moved),
        cmocka_unit_test(test_what_is_no_object_of_this_machine_is_refused),
        cmocka_unit_test(test_no_file_leads_the_reader_astray),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
