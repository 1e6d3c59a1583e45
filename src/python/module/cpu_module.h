/* cpu_module.h: the CPU profiler's functions of spprof._engine; python/spprof/_engine.pyi is their contract. */
#ifndef SP_CPU_MODULE_H
#define SP_CPU_MODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* "=" and the fields of spprof_cpu_sample, as a struct format. */
#define SP_CPU_SAMPLE_FORMAT "=QQII"

PyObject *sp_cpu_start_with_gil(PyObject *module, PyObject *arguments);
PyObject *sp_cpu_stop_with_gil(PyObject *module, PyObject *unused);
PyObject *sp_cpu_is_own_with_gil(PyObject *module, PyObject *unused);
PyObject *sp_cpu_is_active_with_gil(PyObject *module, PyObject *unused);
PyObject *sp_cpu_stats_with_gil(PyObject *module, PyObject *unused);
PyObject *sp_cpu_profile_with_gil(PyObject *module, PyObject *unused);
PyObject *sp_cpu_tick_of_with_gil(PyObject *module, PyObject *argument);

#endif
