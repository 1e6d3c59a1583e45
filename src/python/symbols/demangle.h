/* demangle.h: the readable form of C++ names, from the C++ runtime library's own demangler.
 *
 * Most programs that contain C++ have the library loaded; otherwise it is loaded for the first mangled name. The
 * demangler's recursion depth depends on the name, and the demangler itself limits it.
 */
#ifndef SP_DEMANGLE_H
#define SP_DEMANGLE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* demangle(name): return a string, or None if it is not a C++ name or there is no C++ runtime. Needs the GIL. */
PyObject *sp_demangle_with_gil(PyObject *module, PyObject *name);

#endif
