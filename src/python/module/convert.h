/* convert.h: what the engine recorded, as Python objects (python/spprof/_engine.pyi names their shapes).
 *
 * Threads: all need the GIL; new references, NULL with an exception set.
 */
#ifndef SP_CONVERT_H
#define SP_CONVERT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>

/* The struct format of spprof_sample. */
#define SP_SAMPLE_FORMAT "=QQQQIIII"

PyObject *sp_convert_stats_with_gil(const char *native_mode);
PyObject *sp_convert_snapshot_with_gil(uint64_t after_serial, const char *native_mode);
/* A stack's words, as the engine keeps them. */
PyObject *sp_convert_stack_with_gil(uint32_t stack_id);
/* Of its native frames: how many there are, whether they end too early, and the outermost, 0 for none. */
PyObject *sp_convert_native_part_with_gil(uint32_t stack_id);
/* What the word of an interpreted frame says. */
PyObject *sp_convert_code_with_gil(uint64_t word);

#endif
