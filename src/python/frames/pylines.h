/* pylines.h: decodes CPython's three kinds of tables from code position to source line, from a copied table.
 *
 *   3.9    pairs  (bytes of code, signed line step)      the step comes after those bytes
 *   3.10   pairs  (bytes of code, signed line step)      the step comes before them; −128 = these have no line
 *   3.11…  runs   1kkkklll payload…                      kkkk: kind, lll + 1: code units; a run's first byte has bit 7
 *
 * The result equals that of PyCode_Addr2Line. Where that has no line (compiler-generated code: cleanup, the start of a
 * generator), the result is the line of the code before it, or the code's first line if there is none.
 *
 * Memory:  reads only the table; any bytes are safe, in time linear in their number.
 * Threads, signals: any.
 */
#ifndef SP_PYLINES_H
#define SP_PYLINES_H

#include <stdint.h>

#include "spprof.h"

/* 3.9: `position` in bytes. */
int sp_pylines_step_after(const spprof_code *code, uint32_t position);
/* 3.10: `position` in code units. */
int sp_pylines_step_before(const spprof_code *code, uint32_t position);
/* 3.11 and later: `position` in code units. */
int sp_pylines_runs(const spprof_code *code, uint32_t position);

#endif
