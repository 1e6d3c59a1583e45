#include "privileges.h"

#include <unistd.h>

PyObject *sp_is_privileged_with_gil(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return PyBool_FromLong(issetugid());
}
