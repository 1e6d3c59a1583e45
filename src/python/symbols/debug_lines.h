/* debug_lines.h: finds the source lines of native addresses with elfutils' libdw. On macOS, where libraries contain no
 * line numbers, every line is unknown.
 *
 * perf and systemtap use libdw to read debug information: all versions of DWARF, compressed sections, partial units. It
 * is loaded at run time, and only when a file has line numbers; without it there are no lines. Nothing here ever
 * accesses a network: files are passed as open descriptors. They are read, not mapped, so that a file that is truncated
 * during the read cannot end the process. If a limit leaves little memory, there are no lines either: libdw ends the
 * process when it runs out of memory.
 */
#ifndef SP_DEBUG_LINES_H
#define SP_DEBUG_LINES_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* lines(path, addresses): return (file, line) for each of the ascending addresses, or None if unknown. Needs the GIL
 * and releases it while files are read. libdw's allocations are the profiler's own and are not sampled. */
PyObject *sp_debug_lines_with_gil(PyObject *module, PyObject *arguments);

#endif
