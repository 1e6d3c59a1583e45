/* debug_lines.h: source lines of native addresses, by elfutils' libdw.
 *
 * libdw is what perf and systemtap read debug information with: all versions of DWARF, compressed sections, partial
 * units. It is looked for at run time and only when a file has line numbers; without it there are no lines. Nothing
 * here ever asks a network: files are handed over as open descriptors. They are read, not mapped, so that a file which
 * is truncated meanwhile cannot end the process. Where a limit leaves little memory there are no lines: libdw, when it
 * finds none, ends the process.
 */
#ifndef SP_DEBUG_LINES_H
#define SP_DEBUG_LINES_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* lines(path, addresses): for each of the ascending addresses (file, line), or None where nothing is known. Needs the
 * GIL and lets go of it while files are read. What libdw allocates is the profiler's own and not sampled. */
PyObject *sp_debug_lines_with_gil(PyObject *module, PyObject *arguments);

#endif
