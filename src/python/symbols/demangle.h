/* demangle.h: the readable form of C++ names, by the C++ runtime library's own demangler.
 *
 * Most programs with C++ in them have it in the process; otherwise it is loaded at the first mangled name. It recurses
 * as deep as a name says and bounds that itself.
 */
#ifndef SP_DEMANGLE_H
#define SP_DEMANGLE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* demangle(name): a string, or None where it is no C++ name or there is no C++ runtime. Needs the GIL. */
PyObject *sp_demangle_with_gil(PyObject *module, PyObject *name);

#endif
