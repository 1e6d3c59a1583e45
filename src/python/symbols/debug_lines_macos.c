#include "debug_lines.h"

PyObject *sp_debug_lines_with_gil(PyObject *module, PyObject *arguments) {
    (void)module;
    PyObject *path, *addresses;
    if (!PyArg_ParseTuple(arguments, "OO:lines", &path, &addresses)) return NULL;
    Py_ssize_t count = PySequence_Size(addresses);
    PyObject *list = count < 0 ? NULL : PyList_New(count);
    for (Py_ssize_t i = 0; list && i < count; i++) {
        Py_INCREF(Py_None);
        PyList_SET_ITEM(list, i, Py_None);
    }
    return list;
}
