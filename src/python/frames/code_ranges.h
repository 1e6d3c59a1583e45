/* code_ranges.h: finds the code of one function: its own range, and the parts that the compiler split off.
 *
 *   function  ──loader──► [start, end)           its exported symbol
 *             └─.symtab─► function.cold [start, end) …      unlikely branches; found by name, unless stripped
 *
 * Memory:  reads the object's file in pieces on the stack; maps and allocates nothing.
 * Threads: any; takes the loader's lock.
 * Signals: not called from handlers.
 * Full:    the remaining parts are left out.
 */
#ifndef SP_CODE_RANGES_H
#define SP_CODE_RANGES_H

#include <stddef.h>

#include "spprof.h"

/* Write the ranges of the exported function at `function`, with its own range first. Return how many there are, or 0
 * if no symbol begins there. */
size_t sp_code_ranges_find(const void *function, spprof_code_range *ranges, size_t capacity);

#endif
