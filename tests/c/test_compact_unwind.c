/* Tables of compact unwind descriptions: random ones compared with the list they were made from, and tables with false
 * contents. The meaning of encodings is tested for each architecture in test_compact_row_….c; real files are tested in
 * tests/python.
 */
#include "compact_unwind.h"
#include "support.h"

#include <string.h>
#include <sys/mman.h>

#define FUNCTIONS 600
#define COMMON 3
#define PAGE_FUNCTIONS 37

static sp_compact_entry functions[FUNCTIONS + 1];
static uint8_t bytes[1 << 16];
static size_t size;
static uint64_t random_state;

static size_t put(const void *words, size_t length) {
    size_t at = size;
    memcpy(bytes + at, words, length);
    size += length;
    return at;
}

static void set_word(size_t at, uint32_t word) {
    memcpy(bytes + at, &word, 4);
}

/* Few different encodings, so that compressed pages have room for them. */
static void draw_functions(void) {
    uint32_t at = 0x1000;
    for (int i = 0; i <= FUNCTIONS; i++) {
        functions[i] =
            (sp_compact_entry){.start = at, .encoding = 0x01000000 | (uint32_t)random_below(&random_state, 20)};
        at += 1 + (uint32_t)random_below(&random_state, 300);
    }
    for (int i = 0; i < FUNCTIONS; i++) functions[i].end = functions[i + 1].start;
}

static void put_regular(const sp_compact_entry *first, size_t count) {
    put(&(uint32_t){2}, 4);
    put((uint16_t[]){8, (uint16_t)count}, 4);
    for (size_t i = 0; i < count; i++) put((uint32_t[]){first[i].start, first[i].encoding}, 8);
}

/* Common encodings are 0x01000000 … 0x01000002. */
static void put_compressed(const sp_compact_entry *first, size_t count) {
    uint16_t encodings_at = (uint16_t)(12 + 4 * count), encoding_count = 20;
    put(&(uint32_t){3}, 4);
    put((uint16_t[]){12, (uint16_t)count, encodings_at, encoding_count}, 8);
    for (size_t i = 0; i < count; i++) {
        uint32_t number = first[i].encoding & 0xFF;
        number = number < COMMON ? number : COMMON + number;
        put(&(uint32_t){number << 24 | (first[i].start - first->start)}, 4);
    }
    for (uint32_t i = 0; i < encoding_count; i++) put(&(uint32_t){0x01000000 | i}, 4);
}

static void build(void) {
    size_t pages = (FUNCTIONS + PAGE_FUNCTIONS - 1) / PAGE_FUNCTIONS;
    size = 0;
    put((uint32_t[]){1, 28, COMMON, 0, 0, 28 + 4 * COMMON, (uint32_t)pages + 1}, 28);
    put((uint32_t[]){0x01000000, 0x01000001, 0x01000002}, 4 * COMMON);
    size_t index = size;
    size += 12 * (pages + 1);
    for (size_t page = 0; page < pages; page++) {
        size_t first = page * PAGE_FUNCTIONS, count = FUNCTIONS - first;
        if (count > PAGE_FUNCTIONS) count = PAGE_FUNCTIONS;
        set_word(index + 12 * page, functions[first].start);
        set_word(index + 12 * page + 4, (uint32_t)size);
        if (page % 2)
            put_regular(&functions[first], count);
        else
            put_compressed(&functions[first], count);
    }
    set_word(index + 12 * pages, functions[FUNCTIONS].start);
    set_word(index + 12 * pages + 4, 0);
}

TEST(test_every_byte_is_in_the_function_that_the_table_was_made_from) {
    for (int drawn = 0; drawn < 20; drawn++) {
        draw_functions();
        build();
        sp_compact_image image = {bytes, bytes + size, bytes, bytes + size};
        sp_compact_entry entry;
        assert_false(sp_compact_unwind_find(&image, functions[0].start - 1, &entry));
        for (int i = 0; i < FUNCTIONS; i++)
            for (uint32_t at = functions[i].start; at < functions[i].end; at++) {
                assert_true(sp_compact_unwind_find(&image, at, &entry));
                assert_memory_equal(&entry, &functions[i], sizeof entry);
            }
        assert_false(sp_compact_unwind_find(&image, functions[FUNCTIONS].start, &entry));
        assert_false(sp_compact_unwind_find(&image, UINT32_MAX, &entry));
    }
}

/* The torn table ends where a page begins that cannot be read. */
TEST(test_no_table_leads_the_reader_outside_it) {
    uint8_t *mapped = mmap(NULL, 2 * sizeof bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint8_t *end = mapped + sizeof bytes;
    assert_int_equal(mprotect(end, sizeof bytes, PROT_NONE), 0);
    unsigned found = 0;
    for (int torn = 0; torn < 20000; torn++) {
        if (torn % 100 == 0) {
            draw_functions();
            build();
        }
        size_t kept = random_below(&random_state, 4) ? size : random_below(&random_state, size);
        memcpy(end - kept, bytes, kept);
        for (int i = 0; i < 3 && kept > 0; i++)
            end[-1 - (ptrdiff_t)random_below(&random_state, kept)] = (uint8_t)next_random(&random_state);
        for (int i = 0; i < 4 && kept >= 28; i++) /* in the header, too */
            if (random_below(&random_state, 4) == 0)
                end[(ptrdiff_t)random_below(&random_state, 28) - (ptrdiff_t)kept] ^=
                    (uint8_t)next_random(&random_state);
        sp_compact_image image = {end - kept, end, end - kept, end};
        for (int i = 0; i < 10; i++) {
            sp_compact_entry entry;
            if (!sp_compact_unwind_find(&image, (uint32_t)random_below(&random_state, 0x20000), &entry)) continue;
            assert_true(entry.start < entry.end);
            found++;
        }
    }
    assert_true(found > 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_byte_is_in_the_function_that_the_table_was_made_from),
        cmocka_unit_test(test_no_table_leads_the_reader_outside_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
