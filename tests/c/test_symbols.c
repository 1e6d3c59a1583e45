/* The functions in files: images built here, compared with a naive model; this program itself; and corrupt files. */
#include "elf_file.h"
#include "memory.h"
#include "options.h"
#include "support.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Images ----
 *
 *   [ header ][ build id ][ symbols ][ strings ][ section names ][ section headers ]
 */

#define SYMBOLS_MAX 512
#define CODE 0x1000
#define CODE_SIZE 0x1000
#define CODE_2 (CODE + CODE_SIZE)

enum { SECTION_CODE = 1, SECTION_CODE_2, SECTION_DATA, SECTION_NOTES, SECTION_SYMBOLS, SECTION_STRINGS, SECTION_NAMES };
#define SECTIONS 8
#define HEADER_SIZE 64
#define SECTION_NAMES_TEXT "\0.text\0.debug_line"

typedef struct named_symbol {
    const char *name;
    uint64_t value, size;
    unsigned binding, type, section;
} named_symbol;

static _Alignas(8) uint8_t image[1 << 20];
static size_t image_size, headers_at;
static char path[64];

static size_t append(const void *bytes, size_t size) {
    size_t at = image_size;
    memcpy(image + at, bytes, size);
    image_size += size;
    return at;
}

static void put_symbols(const named_symbol *symbols, size_t count, sp_elf_section *table, sp_elf_section *strings) {
    static char names[SYMBOLS_MAX * 32];
    size_t length = 1;
    table->offset = image_size;
    for (size_t i = 0; i < count; i++) {
        sp_elf_symbol symbol = {(uint32_t)length,
                                (uint8_t)(symbols[i].binding << 4 | symbols[i].type),
                                0,
                                (uint16_t)symbols[i].section,
                                symbols[i].value,
                                symbols[i].size};
        append(&symbol, sizeof symbol);
        memcpy(names + length, symbols[i].name, strlen(symbols[i].name) + 1);
        length += strlen(symbols[i].name) + 1;
    }
    table->size = image_size - table->offset;
    strings->size = length;
    strings->offset = append(names, length);
}

/* Use a file without a name, which need not be removed and involves no disk. */
static void write_image(void) {
    static int file = -1;
    if (file < 0) file = memfd_create("object", MFD_CLOEXEC);
    assert_int_equal(ftruncate(file, 0), 0);
    assert_int_equal(pwrite(file, image, image_size, 0), image_size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
}

static uint16_t machine(void) {
#if defined(__x86_64__)
    return 62;
#else
    return 183;
#endif
}

static const uint32_t build_note[] = {4, 8, 3, 0x00554E47, 0x11111111, 0x22222222};

/* Make an object with these symbols, in a file at `path`. */
static void make_object(uint32_t table_type, const named_symbol *symbols, size_t count) {
    sp_elf_section sections[SECTIONS] = {
        [SECTION_CODE] = {.type = 1, .flags = 6, .address = CODE, .size = CODE_SIZE, .name = 1},
        [SECTION_CODE_2] = {.type = 1, .flags = 6, .address = CODE_2, .size = CODE_SIZE, .name = 1},
        [SECTION_DATA] = {.type = 1, .flags = 2, .address = 0x8000, .size = 0x1000},
        [SECTION_NOTES] = {.type = SP_ELF_NOTE, .size = sizeof build_note},
        [SECTION_SYMBOLS] = {.type = table_type, .link = SECTION_STRINGS},
        [SECTION_STRINGS] = {.type = SP_ELF_STRTAB},
        [SECTION_NAMES] = {.type = SP_ELF_STRTAB, .size = sizeof SECTION_NAMES_TEXT},
    };
    image_size = HEADER_SIZE;
    sections[SECTION_NOTES].offset = append(build_note, sizeof build_note);
    put_symbols(symbols, count, &sections[SECTION_SYMBOLS], &sections[SECTION_STRINGS]);
    sections[SECTION_NAMES].offset = append(SECTION_NAMES_TEXT, sizeof SECTION_NAMES_TEXT);
    image_size = (image_size + 7) & ~(size_t)7;
    headers_at = append(sections, sizeof sections);
    memcpy(image,
           "\x7F"
           "ELF\2\1\1",
           8);
    uint16_t machine_number = machine(), numbers[] = {sizeof(sp_elf_section), SECTIONS, SECTION_NAMES};
    memcpy(image + 18, &machine_number, 2);
    memcpy(image + 40, &headers_at, 8);
    memcpy(image + 58, numbers, sizeof numbers);
    write_image();
}

/* ---- Looking up ---- */

#define ASKED_MAX 512

static spprof_symbol found[ASKED_MAX];
static char names[ASKED_MAX * 64];
static spprof_symbols answer;

static spprof_symbols_status ask_build(const uint64_t *addresses, size_t count, const void *id, uint32_t id_length) {
    spprof_symbols_query query = {path, id, id_length, addresses, count};
    answer = (spprof_symbols){.found = found, .names = names, .names_capacity = sizeof names};
    memset(found, 0xEE, sizeof found);
    return spprof_symbols_find(&query, &answer);
}

static spprof_symbols_status ask(const uint64_t *addresses, size_t count) {
    return ask_build(addresses, count, NULL, 0);
}

static void assert_found(size_t index, const char *name, uint64_t start) {
    assert_int_equal(found[index].length, strlen(name));
    assert_memory_equal(names + found[index].name, name, strlen(name));
    if (*name) assert_int_equal(found[index].start, start);
}

/* Check the name at one address of the object at `path`. */
static void assert_name_at(uint64_t address, const char *name) {
    assert_int_equal(ask(&address, 1), SPPROF_SYMBOLS_FOUND);
    assert_int_equal(found[0].length, strlen(name));
    assert_memory_equal(names + found[0].name, name, strlen(name));
}

#define FUNCTION SP_ELF_FUNCTION
#define GLOBAL SP_ELF_GLOBAL

/* ---- The function that contains an address ---- */

TEST(test_a_function_covers_its_first_byte_to_its_last) {
    const named_symbol symbols[] = {{"one", CODE + 16, 16, GLOBAL, FUNCTION, SECTION_CODE},
                                    {"two", CODE + 48, 1, SP_ELF_LOCAL, FUNCTION, SECTION_CODE}};
    const uint64_t addresses[] = {0,         CODE,      CODE + 15, CODE + 16, CODE + 31,
                                  CODE + 32, CODE + 48, CODE + 49, UINT64_MAX};
    make_object(SP_ELF_SYMTAB, symbols, 2);
    assert_int_equal(ask(addresses, 9), SPPROF_SYMBOLS_FOUND);
    assert_true(answer.has_symtab);
    const char *expected[] = {"", "", "", "one", "one", "", "two", "", ""};
    for (size_t i = 0; i < 9; i++) assert_found(i, expected[i], i < 6 ? CODE + 16 : CODE + 48);
    assert_int_equal(answer.names_length, 6); /* each name once */
}

TEST(test_a_label_without_size_reaches_to_the_next_symbol_or_the_end_of_its_section) {
    const named_symbol symbols[] = {{"last", CODE + 0x100, 0, GLOBAL, SP_ELF_NOTYPE, SECTION_CODE},
                                    {"first", CODE + 16, 0, GLOBAL, FUNCTION, SECTION_CODE},
                                    {"sized", CODE + 32, 8, GLOBAL, FUNCTION, SECTION_CODE},
                                    {"place", CODE + 18, 0, SP_ELF_LOCAL, SP_ELF_NOTYPE, SECTION_CODE},
                                    {"data", CODE + 20, 4, GLOBAL, 1, SECTION_DATA}};
    const uint64_t addresses[] = {CODE + 15,  CODE + 31,    CODE + 32,  CODE + 40,
                                  CODE + 255, CODE + 0x100, CODE_2 - 1, CODE_2};
    const char *expected[] = {"", "first", "sized", "", "", "last", "last", ""};
    make_object(SP_ELF_SYMTAB, symbols, 5);
    assert_int_equal(ask(addresses, 8), SPPROF_SYMBOLS_FOUND);
    for (size_t i = 0; i < 8; i++) assert_found(i, expected[i], i == 1 ? CODE + 16 : i == 2 ? CODE + 32 : CODE + 0x100);
}

TEST(test_of_several_names_the_plainest_is_told) {
    static const named_symbol worse_to_better[] = {
        {"a", CODE, 0, GLOBAL, SP_ELF_NOTYPE, SECTION_CODE},
        {"aa", CODE, 64, GLOBAL, SP_ELF_NOTYPE, SECTION_CODE},
        {"aaa", CODE, 64, SP_ELF_LOCAL, FUNCTION, SECTION_CODE},
        {"aaaa", CODE, 64, SP_ELF_WEAK, FUNCTION, SECTION_CODE},
        {"__libc_read", CODE, 64, GLOBAL, FUNCTION, SECTION_CODE},
        {"__read", CODE, 64, GLOBAL, FUNCTION, SECTION_CODE},
        {"_reads", CODE, 64, GLOBAL, FUNCTION, SECTION_CODE},
        {"_read", CODE, 64, GLOBAL, FUNCTION, SECTION_CODE},
        {"reading", CODE, 64, GLOBAL, FUNCTION, SECTION_CODE},
        {"read", CODE, 64, GLOBAL, FUNCTION, SECTION_CODE},
        {"raid", CODE, 64, GLOBAL, SP_ELF_INDIRECT_FUNCTION, SECTION_CODE},
        {"inner", CODE + 4, 8, SP_ELF_LOCAL, FUNCTION, SECTION_CODE},
    };
    for (size_t better = 1; better < 12; better++) {
        named_symbol pair[2] = {worse_to_better[better - 1], worse_to_better[better]};
        make_object(SP_ELF_SYMTAB, pair, 2);
        assert_name_at(CODE + 8, pair[1].name);
        pair[0] = worse_to_better[better], pair[1] = worse_to_better[better - 1];
        make_object(SP_ELF_SYMTAB, pair, 2);
        assert_name_at(CODE + 8, pair[0].name);
    }
}

TEST(test_the_full_table_goes_before_that_of_the_loader) {
    const named_symbol symbols[] = {{"exported", CODE, 64, GLOBAL, FUNCTION, SECTION_CODE}};
    uint64_t address = CODE;
    make_object(SP_ELF_DYNSYM, symbols, 1);
    assert_int_equal(ask(&address, 1), SPPROF_SYMBOLS_FOUND);
    assert_found(0, "exported", CODE);
    assert_false(answer.has_symtab);
    assert_false(answer.has_lines);
    ((sp_elf_section *)(image + headers_at))[SECTION_DATA] = /* the data section now contains an empty full table */
        (sp_elf_section){.type = SP_ELF_SYMTAB, .link = SECTION_STRINGS, .name = 7};
    write_image();
    assert_int_equal(ask(&address, 1), SPPROF_SYMBOLS_FOUND);
    assert_found(0, "", 0);
    assert_true(answer.has_symtab);
    assert_true(answer.has_lines); /* recognised by the section's name */
}

/* ---- A naive model ---- */

static bool is_function(const named_symbol *one) {
    bool typed = one->type == FUNCTION || one->type == SP_ELF_INDIRECT_FUNCTION;
    bool label = one->type == SP_ELF_NOTYPE && (one->size > 0 || one->binding != SP_ELF_LOCAL);
    return (typed || label) && one->section != SECTION_DATA;
}

static bool covers(const named_symbol *all, size_t count, const named_symbol *one, uint64_t address) {
    if (!is_function(one) || address < one->value) return false;
    if (one->size > 0) return address - one->value < one->size;
    uint64_t section = one->section == SECTION_CODE ? CODE : CODE_2;
    if (address < section || address - section >= CODE_SIZE) return false;
    for (const named_symbol *other = all; other < all + count; other++) {
        bool behind = other->value > one->value && other->value <= address;
        bool ends_it = behind || (other->value == one->value && other->size > 0);
        if (ends_it && is_function(other)) return false;
    }
    return true;
}

/* Write a rank that sorts better symbols first. */
static void write_rank(char *out, size_t size, const named_symbol *one) {
    size_t underscores = strspn(one->name, "_");
    char binding = one->binding == SP_ELF_LOCAL ? '2' : one->binding == SP_ELF_WEAK ? '1' : '0';
    bool sized = one->size > 0 && one->type != SP_ELF_NOTYPE;
    snprintf(out, size, "%d%016llx%c%02zu%02zu%s", !sized, ~(unsigned long long)one->value, binding, underscores,
             strlen(one->name), one->name);
}

static const named_symbol *naive_find(const named_symbol *all, size_t count, uint64_t address) {
    char best_rank[128], rank[128];
    const named_symbol *best = NULL;
    for (const named_symbol *one = all; one < all + count; one++) {
        if (!covers(all, count, one, address)) continue;
        write_rank(rank, sizeof rank, one);
        if (best && strcmp(rank, best_rank) >= 0) continue;
        memcpy(best_rank, rank, sizeof rank);
        best = one;
    }
    return best;
}

static uint64_t random_place(uint64_t *random) {
    return CODE - 16 + random_below(random, 2 * CODE_SIZE / 16 + 2) * 16 + random_below(random, 2);
}

static named_symbol random_symbol(uint64_t *random) {
    static const char *const some_names[] = {"f", "_f", "__f", "g", "_go", "long_name", "h", "_h1", "h2", "___"};
    static const unsigned bindings[] = {0, 1, 2, 10}, types[] = {0, 1, 2, 2, 2, 3, 10};
    static const uint64_t sizes[] = {0, 0, 1, 8, 16, 40, 200};
    uint64_t value = random_place(random);
    unsigned section = value < CODE_2 ? SECTION_CODE : SECTION_CODE_2;
    if (random_below(random, 16) == 0) section = SECTION_DATA;
    return (named_symbol){some_names[random_below(random, 10)], value,
                          sizes[random_below(random, 7)],       bindings[random_below(random, 4)],
                          types[random_below(random, 7)],       section};
}

static int compare_addresses(const void *one, const void *other) {
    uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
    return a < b ? -1 : a > b;
}

TEST(test_many_addresses_at_once_find_what_a_naive_search_finds) {
    static named_symbol symbols[SYMBOLS_MAX];
    uint64_t random = 1, addresses[ASKED_MAX], hits = 0;
    for (size_t round = 0; round < 60; round++) {
        size_t count = 1 + random_below(&random, SYMBOLS_MAX), asked = 1 + random_below(&random, ASKED_MAX);
        for (size_t i = 0; i < count; i++) symbols[i] = random_symbol(&random);
        for (size_t i = 0; i < asked; i++) addresses[i] = random_place(&random) + random_below(&random, 16);
        qsort(addresses, asked, sizeof *addresses, compare_addresses);
        make_object(SP_ELF_SYMTAB, symbols, count);
        assert_int_equal(ask(addresses, asked), SPPROF_SYMBOLS_FOUND);
        for (size_t i = 0; i < asked; i++) {
            const named_symbol *best = naive_find(symbols, count, addresses[i]);
            assert_found(i, best ? best->name : "", best ? best->value : 0);
            hits += best != NULL;
        }
    }
    assert_in_range(hits, 60 * ASKED_MAX / 8, 60 * ASKED_MAX);
}

/* ---- Real files ---- */

__attribute__((noinline)) void test_symbols_known_function(void) {
    __asm__ volatile("");
}

__attribute__((noinline)) static void known_local_function(void) {
    __asm__ volatile("");
}

TEST(test_this_program_knows_its_own_functions) {
    Dl_info info;
    assert_true(dladdr((void *)test_symbols_known_function, &info) != 0);
    bool moves = ((const uint16_t *)info.dli_fbase)[8] == 3; /* a position-independent program */
    uint64_t base = moves ? (uint64_t)(uintptr_t)info.dli_fbase : 0;
    uint64_t addresses[] = {(uint64_t)(uintptr_t)test_symbols_known_function - base,
                            (uint64_t)(uintptr_t)known_local_function - base};
    bool swapped = addresses[0] > addresses[1];
    qsort(addresses, 2, sizeof *addresses, compare_addresses);
    snprintf(path, sizeof path, "/proc/self/exe");
    assert_int_equal(ask(addresses, 2), SPPROF_SYMBOLS_FOUND);
    assert_found(swapped, "test_symbols_known_function", addresses[swapped]);
    assert_found(!swapped, "known_local_function", addresses[!swapped]);
    assert_true(answer.has_symtab);
    assert_true(answer.has_lines);
}

/* ---- Names ---- */

TEST(test_more_names_than_there_is_room_for_say_how_much_they_take) {
    const named_symbol symbols[] = {{"first", CODE, 16, GLOBAL, FUNCTION, SECTION_CODE},
                                    {"second", CODE + 16, 16, GLOBAL, FUNCTION, SECTION_CODE}};
    const uint64_t addresses[] = {CODE, CODE + 16};
    make_object(SP_ELF_SYMTAB, symbols, 2);
    spprof_symbols_query query = {path, NULL, 0, addresses, 2};
    char room[12] = "----------";
    answer = (spprof_symbols){.found = found, .names = room, .names_capacity = 10};
    assert_int_equal(spprof_symbols_find(&query, &answer), SPPROF_SYMBOLS_FOUND);
    assert_int_equal(answer.names_length, 11);
    assert_memory_equal(room, "first-----", 10);
    answer.names_capacity = 11;
    assert_int_equal(spprof_symbols_find(&query, &answer), SPPROF_SYMBOLS_FOUND);
    assert_memory_equal(room, "firstsecond", 12);
}

TEST(test_names_of_any_length_are_read_up_to_the_limit) {
    static char name[SPPROF_SYMBOL_NAME_MAX + 100], told[SPPROF_SYMBOL_NAME_MAX];
    const size_t lengths[] = {
        1, 126, 127, 128, 129, 4000, SPPROF_SYMBOL_NAME_MAX - 1, SPPROF_SYMBOL_NAME_MAX, SPPROF_SYMBOL_NAME_MAX + 50};
    uint64_t address = CODE;
    for (size_t i = 0; i < 9; i++) {
        make_object(SP_ELF_SYMTAB, &(named_symbol){"x", CODE, 16, GLOBAL, FUNCTION, SECTION_CODE}, 1);
        sp_elf_section *strings = (sp_elf_section *)(image + headers_at) + SECTION_STRINGS;
        memset(name, 'n', lengths[i]);
        name[lengths[i]] = 0;
        strings->offset = append("", 1);
        append(name, lengths[i] + 1);
        strings->size = image_size - strings->offset;
        write_image();
        spprof_symbols_query query = {path, NULL, 0, &address, 1};
        answer = (spprof_symbols){.found = found, .names = told, .names_capacity = sizeof told};
        assert_int_equal(spprof_symbols_find(&query, &answer), SPPROF_SYMBOLS_FOUND);
        size_t expected = lengths[i] < SPPROF_SYMBOL_NAME_MAX ? lengths[i] : SPPROF_SYMBOL_NAME_MAX;
        assert_int_equal(found[0].length, expected);
        assert_memory_equal(told, name, expected);
    }
}

TEST(test_a_name_that_does_not_end_in_its_table_is_none) {
    make_object(SP_ELF_SYMTAB, &(named_symbol){"abc", CODE, 16, GLOBAL, FUNCTION, SECTION_CODE}, 1);
    sp_elf_section *strings = (sp_elf_section *)(image + headers_at) + SECTION_STRINGS;
    for (strings->size = 0; strings->size < 5; strings->size++) {
        write_image();
        assert_name_at(CODE, "");
    }
    write_image();
    assert_name_at(CODE, "abc");
}

/* ---- Wrong files ---- */

TEST(test_a_file_of_another_build_is_refused) {
    uint64_t address = CODE;
    make_object(SP_ELF_SYMTAB, &(named_symbol){"f", CODE, 16, GLOBAL, FUNCTION, SECTION_CODE}, 1);
    const void *id = build_note + 4;
    assert_int_equal(ask_build(&address, 1, id, 8), SPPROF_SYMBOLS_FOUND);
    assert_found(0, "f", CODE);
    assert_int_equal(ask_build(&address, 1, id, 7), SPPROF_SYMBOLS_OTHER_BUILD);
    assert_found(0, "", 0);
    assert_int_equal(ask_build(&address, 1, build_note + 3, 8), SPPROF_SYMBOLS_OTHER_BUILD);
    ((sp_elf_section *)(image + headers_at))[SECTION_NOTES].type = 1;
    write_image();
    assert_int_equal(ask_build(&address, 1, id, 8), SPPROF_SYMBOLS_OTHER_BUILD);
    assert_int_equal(ask_build(&address, 1, id, 0), SPPROF_SYMBOLS_FOUND);
}

static int lowest_free_descriptor(void) {
    int descriptor = dup(STDERR_FILENO);
    close(descriptor);
    return descriptor;
}

static void assert_refused(spprof_symbols_status expected) {
    uint64_t address = CODE;
    int free_before = lowest_free_descriptor();
    errno = 77;
    assert_int_equal(ask(&address, 1), expected);
    assert_int_equal(errno, 77);
    assert_int_equal(lowest_free_descriptor(), free_before);
    assert_found(0, "", 0);
    assert_int_equal(answer.names_length, 0);
}

TEST(test_what_is_no_object_of_this_machine_says_so) {
    static const struct {
        size_t at;
        uint8_t value;
    } changes[] = {{0, 0}, {4, 1}, {5, 2}, {18, 3}, {58, 63}, {46, 0x7F}};
    for (size_t i = 0; i < 6; i++) {
        make_object(SP_ELF_SYMTAB, &(named_symbol){"f", CODE, 16, GLOBAL, FUNCTION, SECTION_CODE}, 1);
        image[changes[i].at] = changes[i].value;
        write_image();
        assert_refused(SPPROF_SYMBOLS_NOT_AN_ELF);
    }
}

TEST(test_what_is_no_plain_file_says_so_and_does_not_wait) {
    snprintf(path, sizeof path, "/tmp/spprof-test-fifo.%d", (int)getpid());
    assert_refused(SPPROF_SYMBOLS_NO_FILE);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_refused(SPPROF_SYMBOLS_NO_FILE);
    unlink(path);
    snprintf(path, sizeof path, "/tmp");
    assert_refused(SPPROF_SYMBOLS_NO_FILE);
    snprintf(path, sizeof path, "linux-vdso.so.1");
    assert_refused(SPPROF_SYMBOLS_NO_FILE);
}

TEST(test_a_file_cut_anywhere_is_read_without_harm) {
    const named_symbol symbols[] = {{"one", CODE, 16, GLOBAL, FUNCTION, SECTION_CODE},
                                    {"two", CODE, 16, GLOBAL, FUNCTION, SECTION_CODE}};
    uint64_t address = CODE;
    make_object(SP_ELF_SYMTAB, symbols, 2);
    for (size_t size = image_size; size-- > 0;) {
        assert_int_equal(truncate(path, (off_t)size), 0);
        assert_int_not_equal(ask(&address, 1), SPPROF_SYMBOLS_FOUND); /* the section headers come last */
        assert_found(0, "", 0);
    }
}

TEST(test_tables_that_lie_are_read_without_harm) {
    static named_symbol symbols[64];
    static uint8_t good[sizeof image];
    uint64_t random = 2, addresses[ASKED_MAX];
    for (size_t i = 0; i < 64; i++) symbols[i] = random_symbol(&random);
    for (size_t i = 0; i < ASKED_MAX; i++) addresses[i] = i * 16;
    make_object(SP_ELF_SYMTAB, symbols, 64);
    memcpy(good, image, image_size);
    size_t read = 0;
    for (int round = 0; round < 6000; round++) {
        memcpy(image, good, image_size);
        for (uint64_t i = 0; i < 1 + random_below(&random, 4); i++) {
            size_t at = random_below(&random, 2) ? 40 + random_below(&random, 24)
                                                 : headers_at + random_below(&random, image_size - headers_at);
            image[at] = (uint8_t)(random_below(&random, 3) ? random_below(&random, 256) : 0xFF);
        }
        write_image();
        read += ask_build(addresses, ASKED_MAX, build_note + 4, round % 2 ? 8 : 0) == SPPROF_SYMBOLS_FOUND;
        for (size_t i = 0; i < ASKED_MAX; i++) assert_true(found[i].length <= SPPROF_SYMBOL_NAME_MAX);
    }
    assert_in_range(read, 100, 5900); /* both readable and unreadable files occurred */
}

TEST(test_functions_that_all_cover_everything_do_not_hold_the_snapshot_up) {
    static named_symbol symbols[SYMBOLS_MAX];
    static uint64_t addresses[200000];
    static spprof_symbol room[200000];
    for (size_t i = 0; i < SYMBOLS_MAX; i++)
        symbols[i] = (named_symbol){i % 2 ? "aa" : "ab", 0, UINT64_MAX, GLOBAL, FUNCTION, SECTION_CODE};
    for (size_t i = 0; i < 200000; i++) addresses[i] = i;
    make_object(SP_ELF_SYMTAB, symbols, SYMBOLS_MAX);
    spprof_symbols_query query = {path, NULL, 0, addresses, 200000};
    answer = (spprof_symbols){.found = room, .names = names, .names_capacity = sizeof names};
    assert_int_equal(spprof_symbols_find(&query, &answer), SPPROF_SYMBOLS_FOUND); /* the test's alarm is the limit */
    assert_int_equal(room[0].length, 2);
}

TEST(test_without_memory_nothing_is_found_and_it_says_so) {
    make_object(SP_ELF_SYMTAB, &(named_symbol){"f", CODE, 16, GLOBAL, FUNCTION, SECTION_CODE}, 1);
    size_t enough = sp_options.engine_bytes_max, before = sp_memory_mapped();
    sp_options.engine_bytes_max = 0;
    assert_refused(SPPROF_SYMBOLS_OUT_OF_MEMORY);
    sp_options.engine_bytes_max = before + 4096; /* enough only for the section headers */
    assert_refused(SPPROF_SYMBOLS_OUT_OF_MEMORY);
    sp_options.engine_bytes_max = enough;
    assert_name_at(CODE, "f");
    assert_int_equal(sp_memory_mapped(), before);
}

TEST(test_no_addresses_need_no_answers) {
    make_object(SP_ELF_SYMTAB, &(named_symbol){"f", CODE, 16, GLOBAL, FUNCTION, SECTION_CODE}, 1);
    spprof_symbols_query query = {.path = path};
    answer = (spprof_symbols){.found = NULL};
    assert_int_equal(spprof_symbols_find(&query, &answer), SPPROF_SYMBOLS_FOUND);
    assert_true(answer.has_symtab);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_function_covers_its_first_byte_to_its_last),
        cmocka_unit_test(test_a_label_without_size_reaches_to_the_next_symbol_or_the_end_of_its_section),
        cmocka_unit_test(test_of_several_names_the_plainest_is_told),
        cmocka_unit_test(test_the_full_table_goes_before_that_of_the_loader),
        cmocka_unit_test(test_many_addresses_at_once_find_what_a_naive_search_finds),
        cmocka_unit_test(test_this_program_knows_its_own_functions),
        cmocka_unit_test(test_more_names_than_there_is_room_for_say_how_much_they_take),
        cmocka_unit_test(test_names_of_any_length_are_read_up_to_the_limit),
        cmocka_unit_test(test_a_name_that_does_not_end_in_its_table_is_none),
        cmocka_unit_test(test_a_file_of_another_build_is_refused),
        cmocka_unit_test(test_what_is_no_object_of_this_machine_says_so),
        cmocka_unit_test(test_what_is_no_plain_file_says_so_and_does_not_wait),
        cmocka_unit_test(test_a_file_cut_anywhere_is_read_without_harm),
        cmocka_unit_test(test_tables_that_lie_are_read_without_harm),
        cmocka_unit_test(test_functions_that_all_cover_everything_do_not_hold_the_snapshot_up),
        cmocka_unit_test(test_without_memory_nothing_is_found_and_it_says_so),
        cmocka_unit_test(test_no_addresses_need_no_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
