/* convert.h: what the engine recorded, as Python objects (python/spprof/_memprof.pyi names their shapes).
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
PyObject *sp_convert_stack_with_gil(uint32_t stack_id);

#endif
