/* What the engine's parsers read in a Mach-O file, as text: for tests on real files.
 *
 *   read_macho symbols FILE <addresses     address, the function's start and its name, or "-"
 *   read_macho unwind FILE                 start, end, encoding; then what a row says: CFA, saved registers
 *
 * Compiled once for each architecture. */
#include "compact_unwind.h"
#include "macho_file.h"
#include "spprof.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const char *why) {
    fprintf(stderr, "%s\n", why);
    return 1;
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

/* In a library's file the segment __TEXT comes first, as in memory. */
static int print_unwind(const char *path) {
    sp_macho_file macho;
    if (sp_macho_file_open(&macho, path, NULL) != SPPROF_SYMBOLS_FOUND) return fail("no Mach-O object of this machine");
    const sp_macho_section *info = sp_macho_file_find(&macho, "__TEXT", "__unwind_info");
    if (!info) return fail("no __unwind_info");
    uint64_t length = info->address - macho.text_address + info->size;
    uint8_t *bytes = malloc(length);
    if (!bytes || !sp_macho_file_read(&macho, 0, bytes, length)) return fail("the file ends in __unwind_info");
    sp_compact_image image = {bytes, bytes + length, bytes + length - info->size, bytes + length};
    print_entries(&image);
    free(bytes);
    sp_macho_file_close(&macho);
    return 0;
}

int main(int count, char **words) {
    if (count == 3 && strcmp(words[1], "symbols") == 0) return print_symbols(words[2]);
    if (count == 3 && strcmp(words[1], "unwind") == 0) return print_unwind(words[2]);
    return fail("read_macho symbols|unwind FILE");
}
