/* symbols_macho.c: finds the functions of a Mach-O object, in its file or, if there is none, in memory.
 *
 *   symbols, in the file's order:  f   g   …      values without sizes
 *   function starts, ascending:    f   s   g …    s: a function whose name was stripped
 *   addresses, ascending:            a0  a1  a2   a0 is in f; no name is known for a1
 *
 * Each interval between two addresses keeps the last symbol and the last function that begin in it.
 */
#include "image_table.h"
#include "macho_file.h"
#include "memory.h"
#include "symbols_format.h"

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
    sp_symbol_name names[2];
    match matches[];
} search;

/* ---- Names ---- */

/* In memory, libraries of the system have this instead of the names that they do not export. */
#define NO_NAME "<redacted>"

static bool is_no_name(const sp_symbol_name *name) {
    return name->length == strlen(NO_NAME) && memcmp(name->text, NO_NAME, name->length) == 0;
}

/* Copy a symbol's name as the language knows it: the linker puts an underscore before each. */
static void read_name(const search *self, const sp_macho_symbol *symbol, sp_symbol_name *name) {
    name->length = sp_macho_file_read_name(self->macho, symbol->name, name->text, sizeof name->text);
    if (is_no_name(name)) name->length = 0;
    if (name->length > 0 && name->text[0] == '_')
        memmove(name->text, name->text + 1, --name->length);
    else if (name->length > SPPROF_SYMBOL_NAME_MAX)
        name->length = SPPROF_SYMBOL_NAME_MAX;
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

static bool has_better_name(search *self, const sp_macho_symbol *one, const sp_macho_symbol *other) {
    if (self->names_left-- <= 0) return false;
    read_name(self, one, &self->names[0]);
    read_name(self, other, &self->names[1]);
    return sp_symbols_is_better_name(&self->names[0], &self->names[1]);
}

static bool is_better(search *self, const sp_macho_symbol *one, const sp_macho_symbol *other) {
    if (other->section == 0) return true;
    if (one->value != other->value) return one->value > other->value;
    if (binding_rank(one) != binding_rank(other)) return binding_rank(one) > binding_rank(other);
    return has_better_name(self, one, other);
}

/* ---- One pass over the symbols, one over the function starts ---- */

/* Return the match of the first address that is not below `value`, or NULL. */
static match *first_from(search *self, uint64_t value) {
    size_t first = sp_symbols_first_from(self->query, value);
    return first < self->query->count ? &self->matches[first] : NULL;
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
    read_name(self, symbol, &self->names[0]);
    return sp_symbols_tell(out, symbol->value, &self->names[0]);
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

/* ---- Which object ---- */

static bool is_wanted(const sp_macho_file *macho, const uint8_t *uuid) {
    return macho->has_uuid && memcmp(macho->uuid, uuid, sizeof macho->uuid) == 0;
}

/* Libraries of the system have no file: they are parts of one that all processes share. If one has a file as well, its
 * addresses there differ. The object that is loaded has the addresses of the query. */
static bool open_loaded(sp_macho_file *macho, const uint8_t *uuid) {
    sp_object object;
    if (!sp_image_table_find_uuid(uuid, sizeof macho->uuid, &object)) return false;
    if (sp_macho_file_open_loaded(macho, &object) != SPPROF_SYMBOLS_FOUND) return false;
    if (is_wanted(macho, uuid)) return true;
    sp_macho_file_close(macho);
    return false;
}

static bool is_elsewhere(const sp_macho_file *macho, const uint8_t *uuid) {
    sp_object object;
    return sp_image_table_find_uuid(uuid, sizeof macho->uuid, &object) &&
           macho->text_address != object.start - object.base;
}

static spprof_symbols_status open_object(sp_macho_file *macho, const spprof_symbols_query *query) {
    const uint8_t *uuid = query->build_id_length == sizeof macho->uuid ? query->build_id : NULL;
    spprof_symbols_status status = sp_macho_file_open(macho, query->path, uuid);
    if (query->build_id_length == 0) return status;
    bool is_open = status == SPPROF_SYMBOLS_FOUND;
    if (is_open && uuid && is_wanted(macho, uuid) && !is_elsewhere(macho, uuid)) return status;
    if (is_open) sp_macho_file_close(macho);
    if (uuid && open_loaded(macho, uuid)) return SPPROF_SYMBOLS_FOUND;
    return is_open ? SPPROF_SYMBOLS_OTHER_BUILD : status;
}

spprof_symbols_status sp_symbols_find_in_object(const spprof_symbols_query *query, spprof_symbols *out) {
    sp_macho_file macho;
    spprof_symbols_status status = open_object(&macho, query);
    if (status != SPPROF_SYMBOLS_FOUND) return status;
    out->has_lines = sp_macho_file_find(&macho, "__DWARF", "__debug_line") != NULL;
    status = look_up(&macho, query, out);
    sp_macho_file_close(&macho);
    return status;
}
