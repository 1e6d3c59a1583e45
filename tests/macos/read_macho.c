/* What the engine's parsers read in a Mach-O file, as text: for tests on real files.
 *
 *   read_macho symbols FILE <addresses     address, the function's start and its name, or "-"
 *   read_macho unwind FILE                 start, end, encoding; then what a row says: CFA, saved registers
 *   read_macho rows FILE <addresses        address, what its row says, or "-"
 *
 * Compiled once for each architecture. */
#include "compact_unwind.h"
#include "describe.h"
#include "macho_file.h"
#include "macho_image.h"
#include "spprof.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const char *why) {
    fprintf(stderr, "%s\n", why);
    return 1;
}

/* No stack is read here. */
bool sp_stack_memory_extend_slow(sp_stack_memory *stack, uintptr_t address) {
    (void)stack, (void)address;
    return false;
}

#define ADDRESSES_MAX (1 << 18)
#define NAMES_MAX (1 << 24)

static int print_symbols(const char *path) {
    static uint64_t addresses[ADDRESSES_MAX];
    static spprof_symbol found[ADDRESSES_MAX];
    static char names[NAMES_MAX];
    size_t count = 0;
    while (count < ADDRESSES_MAX && scanf("%" SCNx64, &addresses[count]) == 1) count++;
    spprof_symbols_query query = {.path = path, .addresses = addresses, .count = count};
    spprof_symbols symbols = {.found = found, .names = names, .names_capacity = NAMES_MAX};
    if (spprof_symbols_find(&query, &symbols) != SPPROF_SYMBOLS_FOUND) return fail("no Mach-O object of this machine");
    if (symbols.names_length > NAMES_MAX) return fail("too many names");
    for (size_t i = 0; i < count; i++) {
        printf("%" PRIx64 " ", addresses[i]);
        if (found[i].length > 0)
            printf("%" PRIx64 " %.*s\n", found[i].start, (int)found[i].length, names + found[i].name);
        else
            printf("-\n");
    }
    return 0;
}

static void print_row(const sp_cfi_row *row) {
    printf(" row %" PRIu64 "%+" PRId64, row->cfa_register, row->cfa_offset);
    for (unsigned number = 0; number < SP_REGISTER_COUNT; number++)
        if (row->rules[number].place == SP_CFI_AT_OFFSET) printf(" %u@%" PRId64, number, row->rules[number].offset);
}

static void print_entries(const sp_compact_image *image) {
    uint32_t first = 0, length = (uint32_t)(image->end - image->start);
    sp_compact_entry entry;
    while (first < length && !sp_compact_unwind_find(image, first, &entry)) first++;
    for (uint32_t at = first; sp_compact_unwind_find(image, at, &entry); at = entry.end) {
        sp_cfi_row row;
        uint32_t eh_frame_offset;
        printf("%x %x %08x", entry.start, entry.end, entry.encoding);
        switch (sp_compact_unwind_row(image, &entry, &row, &eh_frame_offset)) {
        case SP_COMPACT_ROW:
            print_row(&row);
            break;
        case SP_COMPACT_DWARF:
            printf(" dwarf %x", eh_frame_offset);
            break;
        case SP_COMPACT_NONE:
            printf(" none");
        }
        printf("\n");
    }
}

static uint8_t *bytes;

/* In a library's file the segment __TEXT comes first, as in memory. Nothing behind it is kept. */
static bool load_text(const char *path, sp_object *object) {
    sp_macho_file macho;
    if (sp_macho_file_open(&macho, path, NULL) != SPPROF_SYMBOLS_FOUND) return false;
    bytes = malloc(macho.file.size);
    bool read = bytes && sp_macho_file_read(&macho, 0, bytes, macho.file.size) && sp_macho_image_read(bytes, object);
    bool fits = read && object->end - object->start <= macho.file.size;
    sp_macho_file_close(&macho);
    if (!fits) return false;
    bytes = realloc(bytes, object->end - object->start);
    return bytes && sp_macho_image_read(bytes, object);
}

static int print_unwind(const char *path) {
    sp_object object;
    if (!load_text(path, &object) || !object.compact)
        return fail("no Mach-O object of this machine, or no __unwind_info");
    print_entries(&(sp_compact_image){(const uint8_t *)object.start, (const uint8_t *)object.end, object.compact,
                                      object.compact_end});
    return 0;
}

static int print_rows(const char *path) {
    sp_object object;
    uint64_t address;
    if (!load_text(path, &object)) return fail("no Mach-O object of this machine");
    while (scanf("%" SCNx64, &address) == 1) {
        sp_description found;
        printf("%" PRIx64, address);
        if (sp_describe(&object, object.base + address, &found))
            print_row(&found.row);
        else
            printf(" -");
        printf("\n");
    }
    return 0;
}

int main(int count, char **words) {
    if (count == 3 && strcmp(words[1], "symbols") == 0) return print_symbols(words[2]);
    if (count == 3 && strcmp(words[1], "unwind") == 0) return print_unwind(words[2]);
    if (count == 3 && strcmp(words[1], "rows") == 0) return print_rows(words[2]);
    return fail("read_macho symbols|unwind|rows FILE");
}
