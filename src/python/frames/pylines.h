/* pylines.h: decodes CPython's three kinds of tables that map code positions to source lines. It reads a copy of the
 * table.
 *
 *   3.9    pairs  (bytes of code, signed line step)      the step comes after those bytes
 *   3.10   pairs  (bytes of code, signed line step)      the step comes before them; −128 = these have no line
 *   3.11…  runs   1kkkklll payload…                      kkkk: kind, lll + 1: code units; a run's first byte has bit 7
 *
 * The result equals that of PyCode_Addr2Line. Where PyCode_Addr2Line finds no line (compiler-generated code: cleanup,
 * the start of a generator), the result is the line of the code before it, or the code's first line if there is none.
 *
 * Memory:  reads only the table. Any bytes are safe; the time is linear in their number.
 * Threads, signals: any.
 */
#ifndef SP_PYLINES_H
#define SP_PYLINES_H

#include <stdint.h>

#include "spprof.h"

/* For 3.9: `position` is in bytes. */
int sp_pylines_step_after(const spprof_code *code, uint32_t position);
/* For 3.10: `position` is in code units. */
int sp_pylines_step_before(const spprof_code *code, uint32_t position);
/* For 3.11 and later: `position` is in code units. */
int sp_pylines_runs(const spprof_code *code, uint32_t position);

#endif
