/* symbols_elf.c: finds the functions of an ELF file that cover a batch of addresses.
 *
 *   symbols, in the file's order:  f [value, value + size)   g …
 *                                        │ binary search
 *   addresses, ascending:          a0 a1 ▼ a2 a3 …           each keeps the best function seen so far
 *
 * A label without a size has no end. So each interval between two addresses keeps the last function that begins in it.
 * Once all symbols have been seen, an address that no function covers belongs to the last function that begins before
 * it.
 */
#include "elf_file.h"
#include "memory.h"
#include "symbols_format.h"

#include <string.h>

#define CHUNK 2048 /* symbols read at a time: 48 KiB */

/* This limits the work that a file with overlapping functions can cause to about a second. Compilers produce no
 * overlapping functions. */
#define STEPS_MAX (INT64_C(1) << 26)

typedef struct match {
    sp_elf_symbol cover; /* the best function that covers the address; section 0: none */
    sp_elf_symbol begin; /* the last function that begins in (previous address, this one]; section 0: none */
} match;

typedef struct search {
    const sp_elf_file *elf;
    const sp_elf_section *strings;
    const spprof_symbols_query *query;
    int64_t steps_left;
    sp_elf_symbol chunk[CHUNK];
    sp_symbol_name names[2];
    match matches[];
} search;

/* ---- The better of two functions ---- */

static bool is_function(const search *self, const sp_elf_symbol *symbol) {
    unsigned type = symbol->info & 15;
    bool has_type = type == SP_ELF_FUNCTION || type == SP_ELF_INDIRECT_FUNCTION;
    /* A local label without a type and a size is a location inside a function, or separates code from data. */
    bool is_label = type == SP_ELF_NOTYPE && (symbol->info >> 4 != SP_ELF_LOCAL || symbol->size > 0);
    if (symbol->name == 0 || !(has_type || is_label)) return false;
    const sp_elf_section *section = sp_elf_file_section(self->elf, symbol->section);
    return section && section->flags & SP_ELF_EXECUTABLE;
}

static bool is_sized_function(const sp_elf_symbol *symbol) {
    return symbol->size > 0 && (symbol->info & 15) != SP_ELF_NOTYPE;
}

static int binding_rank(const sp_elf_symbol *symbol) {
    unsigned binding = symbol->info >> 4;
    return binding == SP_ELF_GLOBAL || binding == SP_ELF_UNIQUE ? 2 : binding == SP_ELF_WEAK ? 1 : 0;
}

static void read_name(const search *self, const sp_elf_symbol *symbol, sp_symbol_name *name) {
    name->length = sp_elf_file_read_string(self->elf, self->strings, symbol->name, name->text, SPPROF_SYMBOL_NAME_MAX);
}

static bool has_better_name(search *self, const sp_elf_symbol *one, const sp_elf_symbol *other) {
    if ((self->steps_left -= 64) < 0) return false;
    read_name(self, one, &self->names[0]);
    read_name(self, other, &self->names[1]);
    return sp_symbols_is_better_name(&self->names[0], &self->names[1]);
}

static bool is_better(search *self, const sp_elf_symbol *one, const sp_elf_symbol *other) {
    if (other->section == 0) return true;
    if (is_sized_function(one) != is_sized_function(other)) return is_sized_function(one);
    if (one->value != other->value) return one->value > other->value;
    if (binding_rank(one) != binding_rank(other)) return binding_rank(one) > binding_rank(other);
    return has_better_name(self, one, other);
}

/* If two functions begin at the same address, one with a size counts as the later one: it ends the other, which has
 * no size. */
static bool begins_later(search *self, const sp_elf_symbol *one, const sp_elf_symbol *other) {
    if (other->section == 0 || one->value != other->value) return other->section == 0 || one->value > other->value;
    if ((one->size > 0) != (other->size > 0)) return one->size > 0;
    return is_better(self, one, other);
}

/* ---- One pass over the symbols ---- */

static void see(search *self, const sp_elf_symbol *symbol) {
    const spprof_symbols_query *query = self->query;
    size_t first = sp_symbols_first_from(query, symbol->value);
    if (first == query->count) return;
    sp_elf_symbol *begin = &self->matches[first].begin;
    if (begins_later(self, symbol, begin)) *begin = *symbol;
    for (size_t i = first; i < query->count && query->addresses[i] - symbol->value < symbol->size; i++) {
        if (self->steps_left-- < 0) return;
        if (is_better(self, symbol, &self->matches[i].cover)) self->matches[i].cover = *symbol;
    }
}

static void see_all(search *self, const sp_elf_section *symbols) {
    uint64_t count = symbols->size / sizeof(sp_elf_symbol);
    for (uint64_t done = 0; done < count; done += CHUNK) {
        size_t some = count - done < CHUNK ? (size_t)(count - done) : CHUNK;
        uint64_t offset = done * sizeof(sp_elf_symbol);
        if (symbols->offset > UINT64_MAX - offset) return;
        if (!sp_file_read(&self->elf->file, symbols->offset + offset, self->chunk, some * sizeof *self->chunk)) return;
        for (size_t i = 0; i < some && self->steps_left >= 0; i++)
            if (is_function(self, &self->chunk[i])) see(self, &self->chunk[i]);
    }
}

static bool reaches(const search *self, const sp_elf_symbol *label, uint64_t address) {
    const sp_elf_section *section = sp_elf_file_section(self->elf, label->section);
    return section && label->size == 0 && address >= section->address && address - section->address < section->size;
}

static void give_labels_their_reach(search *self) {
    const sp_elf_symbol none = {.section = 0}, *last = &none;
    for (size_t i = 0; i < self->query->count; i++) {
        match *match = &self->matches[i];
        if (match->begin.section != 0) last = &match->begin;
        bool covers = reaches(self, last, self->query->addresses[i]);
        if (covers && is_better(self, last, &match->cover)) match->cover = *last;
    }
}

/* ---- Answers ---- */

static spprof_symbol tell_new(search *self, const sp_elf_symbol *cover, spprof_symbols *out) {
    read_name(self, cover, &self->names[0]);
    return sp_symbols_tell(out, cover->value, &self->names[0]);
}

/* Adjacent addresses in one function share its name. */
static void tell(search *self, spprof_symbols *out) {
    size_t last = SIZE_MAX;
    for (size_t i = 0; i < self->query->count; i++) {
        const sp_elf_symbol *cover = &self->matches[i].cover;
        if (cover->section == 0) continue;
        bool again = last != SIZE_MAX && memcmp(&self->matches[last].cover, cover, sizeof *cover) == 0;
        out->found[i] = again ? out->found[last] : tell_new(self, cover, out);
        last = i;
    }
}

static spprof_symbols_status look_up(const sp_elf_file *elf, const spprof_symbols_query *query, spprof_symbols *out) {
    const sp_elf_section *symbols = sp_elf_file_find_type(elf, SP_ELF_SYMTAB);
    out->has_symtab = symbols != NULL;
    if (!symbols) symbols = sp_elf_file_find_type(elf, SP_ELF_DYNSYM);
    const sp_elf_section *strings = symbols ? sp_elf_file_section(elf, symbols->link) : NULL;
    if (!strings || query->count == 0) return SPPROF_SYMBOLS_FOUND;
    if (query->count > SIZE_MAX / 2 / sizeof(match)) return SPPROF_SYMBOLS_OUT_OF_MEMORY;
    size_t bytes = sizeof(search) + query->count * sizeof(match);
    search *self = sp_memory_map(bytes);
    if (!self) return SPPROF_SYMBOLS_OUT_OF_MEMORY;
    self->elf = elf, self->strings = strings, self->query = query, self->steps_left = STEPS_MAX;
    see_all(self, symbols);
    give_labels_their_reach(self);
    tell(self, out);
    sp_memory_unmap(self, bytes);
    return SPPROF_SYMBOLS_FOUND;
}

spprof_symbols_status sp_symbols_find_in_object(const spprof_symbols_query *query, spprof_symbols *out) {
    sp_elf_file elf;
    spprof_symbols_status status = sp_elf_file_open(&elf, query->path);
    if (status != SPPROF_SYMBOLS_FOUND) return status;
    out->has_lines = sp_elf_file_find_name(&elf, ".debug_line") != NULL;
    if (query->build_id_length > 0 && !sp_elf_file_has_build_id(&elf, query->build_id, query->build_id_length))
        status = SPPROF_SYMBOLS_OTHER_BUILD;
    else
        status = look_up(&elf, query, out);
    sp_elf_file_close(&elf);
    return status;
}
