/* mappings.h: the program's own mappings, as Python objects (python/spprof/_engine.pyi documents their shapes).
 *
 * Threads: all need the GIL; new references, NULL with an exception set.
 */
#ifndef SP_MAPPINGS_H
#define SP_MAPPINGS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* The struct format of spprof_mapping. */
#define SP_MAPPING_FORMAT "=QQQqdII"

PyObject *sp_mappings_with_gil(PyObject *module, PyObject *unused);
PyObject *sp_mapping_stats_with_gil(PyObject *module, PyObject *unused);

#endif
