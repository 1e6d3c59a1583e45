/* symbols_macho.c: which functions of a Mach-O file cover a batch of addresses. A macOS build has it in place of
 * symbols.c.
 *
 *   symbols, in the file's order:  f   g   …      values without sizes
 *   function starts, ascending:    f   s   g …    s: a function whose name was stripped
 *   addresses, ascending:            a0  a1  a2   a0 is in f; no name is known for a1
 *
 * Each interval between two addresses keeps the last symbol and the last function that begin in it.
 */
#include "macho_file.h"
#include "memory.h"

#include <errno.h>
#include <string.h>

#define CHUNK 2048 /* symbols read at a time: 32 KiB */

/* Limits the comparisons of names that a file with many symbols at one address can cause. */
#define NAMES_MAX (1 << 18)

typedef struct match {
    sp_macho_symbol symbol; /* section 0: none */
    uint64_t start;         /* where a function begins; UINT64_MAX: none */
} match;

typedef struct search {
    const sp_macho_file *macho;
    const spprof_symbols_query *query;
    int64_t names_left;
    union {
        sp_macho_symbol symbols[CHUNK];
        uint8_t bytes[CHUNK * sizeof(sp_macho_symbol)];
    } chunk;
    char names[2][SPPROF_SYMBOL_NAME_MAX + 1];
    match matches[];
} search;

/* ---- Names ---- */

/* Copy a symbol's name as the language knows it: the linker puts an underscore before each. */
static size_t read_name(const search *self, const sp_macho_symbol *symbol, char *out) {
    size_t length = sp_macho_file_read_name(self->macho, symbol->name, out, SPPROF_SYMBOL_NAME_MAX + 1);
    if (length == 0 || out[0] != '_') return length < SPPROF_SYMBOL_NAME_MAX ? length : SPPROF_SYMBOL_NAME_MAX;
    memmove(out, out + 1, --length);
    return length;
}

/* ---- The better of two symbols ---- */

static bool is_function(const search *self, const sp_macho_symbol *symbol) {
    if (symbol->type & SP_MACHO_DEBUG || (symbol->type & SP_MACHO_TYPE) != SP_MACHO_IN_SECTION) return false;
    if (symbol->section == 0 || symbol->section > self->macho->section_count) return false;
    return self->macho->sections[symbol->section]->flags & (uint32_t)SP_MACHO_INSTRUCTIONS;
}

static int binding_rank(const sp_macho_symbol *symbol) {
    if (!(symbol->type & SP_MACHO_EXTERNAL) || symbol->type & SP_MACHO_PRIVATE) return 0;
    return symbol->description & SP_MACHO_WEAK ? 1 : 2;
}

static size_t leading_underscores(const char *name, size_t length) {
    size_t count = 0;
    while (count < length && name[count] == '_') count++;
    return count;
}

static bool has_better_name(search *self, const sp_macho_symbol *one, const sp_macho_symbol *other) {
    if (self->names_left-- <= 0) return false;
    char *name = self->names[0], *other_name = self->names[1];
    size_t length = read_name(self, one, name), other_length = read_name(self, other, other_name);
    if (length == 0 || other_length == 0) return length > 0;
    size_t marks = leading_underscores(name, length), other_marks = leading_underscores(other_name, other_length);
    if (marks != other_marks) return marks < other_marks;
    if (length != other_length) return length < other_length;
    return memcmp(name, other_name, length) < 0;
}

static bool is_better(search *self, const sp_macho_symbol *one, const sp_macho_symbol *other) {
    if (other->section == 0) return true;
    if (one->value != other->value) return one->value > other->value;
    if (binding_rank(one) != binding_rank(other)) return binding_rank(one) > binding_rank(other);
    return has_better_name(self, one, other);
}

/* ---- One pass over the symbols, one over the function starts ---- */

/* Return the first address that is not below `value`, or NULL. */
static match *first_from(search *self, uint64_t value) {
    const spprof_symbols_query *query = self->query;
    size_t low = 0, high = query->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (query->addresses[middle] < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low < query->count ? &self->matches[low] : NULL;
}

static void see_symbols(search *self) {
    sp_macho_part symbols = self->macho->symbols;
    for (uint32_t done = 0; done < symbols.size; done += (uint32_t)sizeof self->chunk) {
        uint32_t left = symbols.size - done;
        size_t some = left < sizeof self->chunk ? left : sizeof self->chunk;
        if (!sp_macho_file_read(self->macho, (uint64_t)symbols.offset + done, &self->chunk, some)) return;
        for (size_t i = 0; i < some / sizeof(sp_macho_symbol); i++) {
            const sp_macho_symbol *symbol = &self->chunk.symbols[i];
            match *match = is_function(self, symbol) ? first_from(self, symbol->value) : NULL;
            if (match && is_better(self, symbol, &match->symbol)) match->symbol = *symbol;
        }
    }
}

static void see_start(search *self, uint64_t start) {
    match *match = first_from(self, start);
    if (match) match->start = start;
}

/* Distances between functions, from __TEXT on, as ULEB128. A zero ends them. */
static void see_starts(search *self) {
    sp_macho_part starts = self->macho->function_starts;
    uint64_t address = self->macho->text_address, distance = 0;
    unsigned shift = 0;
    for (uint32_t done = 0; done < starts.size; done += (uint32_t)sizeof self->chunk) {
        uint32_t left = starts.size - done;
        size_t some = left < sizeof self->chunk ? left : sizeof self->chunk;
        if (!sp_macho_file_read(self->macho, (uint64_t)starts.offset + done, &self->chunk, some)) return;
        for (size_t i = 0; i < some; i++) {
            uint8_t byte = self->chunk.bytes[i];
            if (shift < 64) distance |= (uint64_t)(byte & 0x7F) << shift;
            shift += 7;
            if (byte & 0x80) continue;
            if (distance == 0) return;
            see_start(self, address += distance);
            distance = shift = 0;
        }
    }
}

/* ---- Answers ---- */

static bool reaches(const search *self, const sp_macho_symbol *symbol, uint64_t address) {
    if (symbol->section == 0) return false;
    const sp_macho_section *section = self->macho->sections[symbol->section];
    return address >= section->address && address - section->address < section->size;
}

static spprof_symbol tell_new(search *self, const sp_macho_symbol *symbol, spprof_symbols *out) {
    char *name = self->names[0];
    size_t length = read_name(self, symbol, name);
    spprof_symbol told = {symbol->value, (uint32_t)out->names_length, (uint32_t)length};
    if (out->names_length + length <= out->names_capacity) memcpy(out->names + out->names_length, name, length);
    out->names_length += length;
    return told;
}

/* A function that begins after the last symbol has no name. Adjacent addresses in one function share its name. */
static void tell(search *self, spprof_symbols *out) {
    const sp_macho_symbol none = {.section = 0}, *last = &none, *told = NULL;
    uint64_t start = 0;
    for (size_t i = 0; i < self->query->count; i++) {
        const match *match = &self->matches[i];
        if (match->symbol.section != 0) last = &match->symbol;
        if (match->start != UINT64_MAX) start = match->start;
        if (!reaches(self, last, self->query->addresses[i]) || start > last->value) continue;
        out->found[i] = last == told ? out->found[i - 1] : tell_new(self, last, out);
        told = last;
    }
}

static spprof_symbols_status look_up(const sp_macho_file *macho, const spprof_symbols_query *query,
                                     spprof_symbols *out) {
    out->has_symtab = macho->symbols.size > 0;
    if (!out->has_symtab || query->count == 0) return SPPROF_SYMBOLS_FOUND;
    if (query->count > SIZE_MAX / 2 / sizeof(match)) return SPPROF_SYMBOLS_OUT_OF_MEMORY;
    size_t bytes = sizeof(search) + query->count * sizeof(match);
    search *self = sp_memory_map(bytes);
    if (!self) return SPPROF_SYMBOLS_OUT_OF_MEMORY;
    self->macho = macho, self->query = query, self->names_left = NAMES_MAX;
    for (size_t i = 0; i < query->count; i++) self->matches[i].start = UINT64_MAX;
    see_symbols(self);
    see_starts(self);
    tell(self, out);
    sp_memory_unmap(self, bytes);
    return SPPROF_SYMBOLS_FOUND;
}

spprof_symbols_status spprof_symbols_find(const spprof_symbols_query *query, spprof_symbols *symbols) {
    int saved_errno = errno;
    sp_macho_file macho;
    symbols->names_length = 0;
    symbols->has_symtab = symbols->has_lines = false;
    if (query->count > 0) memset(symbols->found, 0, query->count * sizeof *symbols->found);
    const uint8_t *uuid = query->build_id_length == sizeof macho.uuid ? query->build_id : NULL;
    spprof_symbols_status status = sp_macho_file_open(&macho, query->path, uuid);
    if (status != SPPROF_SYMBOLS_FOUND) return status;
    symbols->has_lines = sp_macho_file_find(&macho, "__DWARF", "__debug_line") != NULL;
    bool is_wanted =
        query->build_id_length == 0 || (uuid && macho.has_uuid && memcmp(macho.uuid, uuid, sizeof macho.uuid) == 0);
    status = is_wanted ? look_up(&macho, query, symbols) : SPPROF_SYMBOLS_OTHER_BUILD;
    sp_macho_file_close(&macho);
    errno = saved_errno;
    return status;
}
