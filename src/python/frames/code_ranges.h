/* code_ranges.h: where the code of one function lies: its own range, and the parts that the compiler put apart.
 *
 *   function  ──loader──► [start, end)           its exported symbol
 *             └─.symtab─► function.cold [start, end) …      unlikely branches, known by name only, if not stripped
 *
 * Memory:  reads the object's file in pieces on the stack; maps and allocates nothing.
 * Threads: any; takes the loader's lock.
 * Signals: not called from handlers.
 * Full:    further parts are left out.
 */
#ifndef SP_CODE_RANGES_H
#define SP_CODE_RANGES_H

#include <stddef.h>

#include "spprof.h"

/* Writes the ranges of the exported function at `function`, its own first, and returns how many; 0: no symbol is
 * there. */
size_t sp_code_ranges_find(const void *function, spprof_code_range *ranges, size_t capacity);

#endif
