#include "symbols_format.h"

#include <errno.h>
#include <string.h>

spprof_symbols_status spprof_symbols_find(const spprof_symbols_query *query, spprof_symbols *symbols) {
    int saved_errno = errno;
    symbols->names_length = 0;
    symbols->has_symtab = symbols->has_lines = false;
    if (query->count > 0) memset(symbols->found, 0, query->count * sizeof *symbols->found);
    spprof_symbols_status status = sp_symbols_find_in_object(query, symbols);
    errno = saved_errno;
    return status;
}
