/* symbols.h: the functions in an object's file, for snapshots.
 *
 *   addresses, ascending ──► one pass over .symtab, or else .dynsym ──► {start, name} of each
 *
 * Memory:  the caller's arrays, and mappings that last only for the call; files are read in pieces, not mapped.
 * Threads: any. Takes no lock.
 * Signals: must not be called in a handler.
 * Fork:    nothing is kept between calls.
 * Full:    names_length says how much room all the names need; the caller calls again with that much.
 */
#ifndef SPPROF_SYMBOLS_H
#define SPPROF_SYMBOLS_H

#include "spprof/api.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum spprof_symbols_status {
    SPPROF_SYMBOLS_FOUND,       /* read; each address has its answer, even if only "no function" */
    SPPROF_SYMBOLS_NO_FILE,     /* cannot be opened, or is not a regular file */
    SPPROF_SYMBOLS_NOT_AN_ELF,  /* not an object for this machine, or its tables are corrupt */
    SPPROF_SYMBOLS_OTHER_BUILD, /* its build id is not the one requested: the file has been replaced */
    SPPROF_SYMBOLS_OUT_OF_MEMORY
} spprof_symbols_status;

typedef struct spprof_symbols_query {
    const char *path;
    const uint8_t *build_id;
    uint32_t build_id_length;  /* 0: accept any build */
    const uint64_t *addresses; /* ascending, as in the file (without the base); for return addresses, one less */
    size_t count;
} spprof_symbols_query;

#define SPPROF_SYMBOL_NAME_MAX 16384 /* longer names are shortened */

/* The function that covers an address. */
typedef struct spprof_symbol {
    uint64_t start;  /* its first address in the file */
    uint32_t name;   /* offset in `names` */
    uint32_t length; /* of the name in the symbol table; 0: no function covers the address */
} spprof_symbol;

typedef struct spprof_symbols {
    spprof_symbol *found; /* room for query.count */
    char *names;          /* room for names_capacity bytes; not terminated */
    size_t names_capacity;
    size_t names_length; /* out: room that all names need; if it exceeds names_capacity, call again with more */
    bool has_symtab;     /* out: the full symbol table was read; otherwise the dynamic one, or none */
    bool has_lines;      /* out: the file has line numbers (.debug_line) */
} spprof_symbols;

/* Look up a batch of addresses in one pass over the file's symbols. The file is read, not mapped, so it does no harm
 * if the file is replaced or truncated in the meantime, or if its tables are corrupt. If several functions are at
 * one address, the order of preference is: one with a type and a size before a bare label, then the one that begins
 * last, global before weak before local, fewer leading underscores, the shorter name, the alphabetically first name.
 * A label without a size extends to the next symbol of its section. errno is preserved.
 *
 * On macOS, the loaded object with this build id is read in memory if its file cannot be opened, is another build, or
 * has other addresses. */
SPPROF_API spprof_symbols_status spprof_symbols_find(const spprof_symbols_query *query, spprof_symbols *symbols);

#endif
