/* reserve.h: address space kept back so that the profile can still be written when the program has used up its own.
 *
 *   start ──► take: a mapping that is never touched ··· MemoryError ··· give back ──► snapshot, save ──► take again
 *
 * The reserve counts against RLIMIT_AS, RLIMIT_DATA and strict overcommit. A cgroup's limit counts touched pages, so
 * nothing can be kept back there, and exceeding it means SIGKILL. macOS has no such limits: there the reserve only
 * matters if a program maps all of its address space.
 *
 * Memory:  none that is resident. The mapping has at most RESERVE_MAX_MIB, and at most a tenth of the lowest limit.
 * Threads: any, with the GIL of any interpreter.
 * Fork:    a child has it as well.
 * Full:    less is taken, or nothing.
 */
#ifndef SP_RESERVE_H
#define SP_RESERVE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* take_reserve(): map the reserve, or as much of it as possible, unless one is already mapped. */
PyObject *sp_reserve_take_with_gil(PyObject *module, PyObject *unused);

/* give_reserve_back() -> bool: unmap the reserve. Returns whether there was one. */
PyObject *sp_reserve_give_back_with_gil(PyObject *module, PyObject *unused);

#endif
