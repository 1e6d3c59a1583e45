/* privileges.h: whether the program has privileges that its user does not have. */
#ifndef SP_PRIVILEGES_H
#define SP_PRIVILEGES_H

#include <Python.h>

/* is_privileged() -> bool: whether the program is set-uid or set-gid, or its file has capabilities (Linux). Asks the
 * kernel (AT_SECURE; issetugid on macOS), as the loader does to decide whether to obey LD_PRELOAD. Threads: any, with
 * the GIL. */
PyObject *sp_is_privileged_with_gil(PyObject *module, PyObject *unused);

#endif
