/* server_module.h: the functions of spprof._engine for the sockets on which the process answers requests
 * (serve/server.h); python/spprof/_engine.pyi is their contract. They need the main interpreter's GIL.
 */
#ifndef SP_SERVER_MODULE_H
#define SP_SERVER_MODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

PyObject *sp_server_listen_with_gil(PyObject *module, PyObject *arguments);
PyObject *sp_server_close_with_gil(PyObject *module, PyObject *number);
PyObject *sp_server_pause_with_gil(PyObject *module, PyObject *unused);
PyObject *sp_server_go_on_with_gil(PyObject *module, PyObject *unused);
PyObject *sp_server_take_with_gil(PyObject *module, PyObject *unused);
PyObject *sp_server_is_asked_with_gil(PyObject *module, PyObject *unused);
PyObject *sp_server_is_wanted_with_gil(PyObject *module, PyObject *id);
PyObject *sp_server_answer_with_gil(PyObject *module, PyObject *arguments);

#endif
