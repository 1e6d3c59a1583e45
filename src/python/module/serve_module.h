/* serve_module.h: the functions of spprof._engine that report the state of the process; python/spprof/_engine.pyi is
 * their contract.
 */
#ifndef SP_SERVE_MODULE_H
#define SP_SERVE_MODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

PyObject *sp_set_state_with_gil(PyObject *module, PyObject *arguments);
PyObject *sp_prepare_stacks_with_gil(PyObject *module, PyObject *unused);
PyObject *sp_stacks_text_with_gil(PyObject *module, PyObject *unused);
PyObject *sp_state_text_with_gil(PyObject *module, PyObject *unused);
PyObject *sp_resident_bytes_with_gil(PyObject *module, PyObject *unused);

#endif
