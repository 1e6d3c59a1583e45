/* symbols_format.h: what the search for symbols shares between file formats, and what each of them provides.
 *
 *   symbols.c ──► sp_symbols_find_in_object: symbols_elf.c | symbols_macho.c
 *                 └► one pass over the symbols ──► first_from ──► the better name ──► tell
 *
 * Memory:  the caller's. Threads: any.
 */
#ifndef SP_SYMBOLS_FORMAT_H
#define SP_SYMBOLS_FORMAT_H

#include "spprof.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Provided by the format: spprof_symbols_find, for an answer that is empty so far. errno need not be preserved. */
spprof_symbols_status sp_symbols_find_in_object(const spprof_symbols_query *query, spprof_symbols *out);

/* Return the index of the query's first address that is not below `value`. */
size_t sp_symbols_first_from(const spprof_symbols_query *query, uint64_t value);

typedef struct sp_symbol_name {
    size_t length;
    char text[SPPROF_SYMBOL_NAME_MAX + 1]; /* not terminated */
} sp_symbol_name;

/* Return whether `one` is the better name: fewer leading underscores, shorter, alphabetically first. An empty name is
 * not one. */
bool sp_symbols_is_better_name(const sp_symbol_name *one, const sp_symbol_name *other);

/* Append a name to the answer, if there is room for it. */
spprof_symbol sp_symbols_tell(spprof_symbols *out, uint64_t start, const sp_symbol_name *name);

#endif
