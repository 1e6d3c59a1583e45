/* reserve.h: address space that is kept for when the program has used up its own, so that its profile can be written.
 *
 *   start ──► take: a mapping that is never touched ··· MemoryError ··· give back ──► snapshot, save ──► take again
 *
 * It counts where limits count: in RLIMIT_AS, in RLIMIT_DATA, and under strict overcommit. A cgroup's limit is of pages
 * that are touched: there is nothing to keep of it, and its end is SIGKILL.
 *
 * Memory:  none that is resident. At most RESERVE_MAX_MIB, and a tenth of the lowest limit.
 * Threads: any, with the GIL of any interpreter.
 * Fork:    a child has it, too.
 * Full:    less is taken, or nothing.
 */
#ifndef SP_RESERVE_H
#define SP_RESERVE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* take_reserve(): what is left to take of it, unless it is there. */
PyObject *sp_reserve_take_with_gil(PyObject *module, PyObject *unused);

/* give_reserve_back() -> bool: whether there was any. */
PyObject *sp_reserve_give_back_with_gil(PyObject *module, PyObject *unused);

#endif
