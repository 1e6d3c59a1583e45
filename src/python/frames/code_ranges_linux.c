#include "code_ranges.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define COLD ".cold" /* some compilers add a number: "name.cold.7" */

/* The limits of the symbol table and its strings. Tables larger than any interpreter's are not searched. */
#define SYMBOLS_MAX (1u << 20)
#define STRINGS_MAX (64u << 20)

#define PIECE_BYTES 8192
#define NAME_MAX_BYTES 128
#define NAMES_MAX 16 /* occurrences of the name in the string table: alone, with a suffix, or inside another name */

/* The file of a loaded object. */
typedef struct object {
    int file;
    uintptr_t base; /* difference between addresses in memory and in the file */
    Elf64_Shdr symbols, strings;
} object;

/* The function searched for, and the parts found. */
typedef struct search {
    const char *name;
    spprof_code_range own;
    bool own_seen; /* the file has the function at the loader's address, so this file is the one that was loaded */
    spprof_code_range *parts;
    size_t count, capacity;
    uint32_t names[NAMES_MAX];
    size_t name_count;
} search;

static bool read_at(int file, void *out, size_t size, uint64_t offset) {
    return pread(file, out, size, (off_t)offset) == (ssize_t)size;
}

/* ---- The file ---- */

static bool read_section(const object *in, const Elf64_Ehdr *header, uint32_t index, Elf64_Shdr *section) {
    if (index >= header->e_shnum) return false;
    return read_at(in->file, section, sizeof *section, header->e_shoff + (uint64_t)index * sizeof *section);
}

static bool find_symbol_table(object *in, const Elf64_Ehdr *header) {
    for (uint32_t i = 0; read_section(in, header, i, &in->symbols); i++) {
        if (in->symbols.sh_type != SHT_SYMTAB) continue;
        return in->symbols.sh_size / sizeof(Elf64_Sym) <= SYMBOLS_MAX &&
               read_section(in, header, in->symbols.sh_link, &in->strings) && in->strings.sh_size <= STRINGS_MAX;
    }
    return false;
}

static bool read_headers(object *in) {
    Elf64_Ehdr header;
    if (!read_at(in->file, &header, sizeof header, 0) || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return false;
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_shentsize != sizeof(Elf64_Shdr)) return false;
    return find_symbol_table(in, &header);
}

/* ---- The names ---- */

static bool is_wanted(const char *suffix) {
    return *suffix == '\0' || strncmp(suffix, COLD, strlen(COLD)) == 0;
}

/* Record where the name begins in a piece of the string table. The last `overlap` bytes are left for the next piece. */
static void note_names(search *wanted, const char *piece, size_t size, size_t overlap, uint32_t offset) {
    size_t length = strlen(wanted->name);
    const char *at = piece;
    while ((at = memmem(at, (size_t)(piece + size - at), wanted->name, length)) != NULL) {
        size_t place = (size_t)(at - piece);
        if (place >= size - overlap || wanted->name_count == NAMES_MAX) return;
        if (is_wanted(at + length)) wanted->names[wanted->name_count++] = offset + (uint32_t)place;
        at++;
    }
}

static void find_names(search *wanted, const object *in) {
    char piece[PIECE_BYTES + 1];
    size_t overlap = strlen(wanted->name) + strlen(COLD);
    uint32_t end = (uint32_t)in->strings.sh_size;
    for (uint32_t offset = 0; offset < end; offset += PIECE_BYTES - (uint32_t)overlap) {
        size_t size = end - offset < PIECE_BYTES ? end - offset : PIECE_BYTES;
        if (!read_at(in->file, piece, size, in->strings.sh_offset + offset)) return;
        piece[size] = '\0';
        note_names(wanted, piece, size, offset + size == end ? 0 : overlap, offset);
        if (offset + size == end) return;
    }
}

/* ---- The symbols ---- */

static bool is_named(const search *wanted, const Elf64_Sym *symbol) {
    for (size_t i = 0; i < wanted->name_count; i++)
        if (wanted->names[i] == symbol->st_name) return true;
    return false;
}

static void take_symbol(search *wanted, const object *in, const Elf64_Sym *symbol) {
    if (ELF64_ST_TYPE(symbol->st_info) != STT_FUNC || symbol->st_size == 0 || !is_named(wanted, symbol)) return;
    uintptr_t start = in->base + symbol->st_value;
    if (start == wanted->own.start)
        wanted->own_seen = start + symbol->st_size == wanted->own.end;
    else if (wanted->count < wanted->capacity)
        wanted->parts[wanted->count++] = (spprof_code_range){.start = start, .end = start + symbol->st_size};
}

static void find_symbols(search *wanted, const object *in) {
    Elf64_Sym piece[PIECE_BYTES / sizeof(Elf64_Sym)];
    const size_t room = sizeof piece / sizeof *piece;
    size_t left = in->symbols.sh_size / sizeof *piece;
    uint64_t offset = in->symbols.sh_offset;
    while (left > 0) {
        size_t count = left < room ? left : room;
        if (!read_at(in->file, piece, count * sizeof *piece, offset)) return;
        for (size_t i = 0; i < count; i++) take_symbol(wanted, in, &piece[i]);
        left -= count;
        offset += count * sizeof *piece;
    }
}

static void search_object(search *wanted, object *in) {
    if (!read_headers(in)) return;
    find_names(wanted, in);
    if (wanted->name_count > 0) find_symbols(wanted, in);
}

/* Return how many parts the file names, or 0 if this file is not the one that was loaded. */
static size_t find_parts(search *wanted, const struct link_map *object_map) {
    const char *path = object_map->l_name[0] != '\0' ? object_map->l_name : "/proc/self/exe";
    object in = {.file = open(path, O_RDONLY | O_CLOEXEC), .base = object_map->l_addr};
    if (in.file < 0) return 0;
    search_object(wanted, &in);
    close(in.file);
    return wanted->own_seen ? wanted->count : 0;
}

size_t sp_code_ranges_find(const void *function, spprof_code_range *ranges, size_t capacity) {
    Dl_info info;
    const Elf64_Sym *symbol;
    struct link_map *object_map;
    if (capacity == 0 || !dladdr1(function, &info, (void **)&symbol, RTLD_DL_SYMENT) || symbol == NULL) return 0;
    if (info.dli_saddr != function || symbol->st_size == 0 || strlen(info.dli_sname) > NAME_MAX_BYTES) return 0;
    uintptr_t start = (uintptr_t)function;
    ranges[0] = (spprof_code_range){.start = start, .end = start + symbol->st_size};
    if (!dladdr1(function, &info, (void **)&object_map, RTLD_DL_LINKMAP)) return 1;
    search wanted = {.name = info.dli_sname, .own = ranges[0], .parts = ranges + 1, .capacity = capacity - 1};
    return 1 + find_parts(&wanted, object_map);
}
