/* privileges.h: whether the program has rights that its user has not. */
#ifndef SP_PRIVILEGES_H
#define SP_PRIVILEGES_H

#include <Python.h>

/* is_privileged() -> bool: set-uid, set-gid, capabilities of its file. The kernel's own word (AT_SECURE), by which the
 * loader decides whether it heeds LD_PRELOAD. Threads: any, with the GIL. */
PyObject *sp_is_privileged_with_gil(PyObject *module, PyObject *unused);

#endif
