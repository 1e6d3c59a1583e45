/* endings.h: what Python can end or replace the process with, or start another by, and a call of ours before it.
 *
 *   os._exit(3) ──► wrapper ──► callback(3): writes files ──► the original ──► the process ends with 3
 *                      │            └ raises: it is forgotten
 *                      └ arguments that the original refuses: it is called at once, and raises
 *
 * A wrapper is what the original is: a built-in function of the same module with its name, text and signature. So it
 * is found by name when it is pickled, and does not become a method in a class. The C functions below (_exit, abort,
 * execve) stay as they are: a child of vfork that calls them shares our memory.
 *
 * Memory:  nothing but the wrapper. A callback belongs to its interpreter, which forgets it when it ends: the original
 *          alone is called then.
 * Threads: with the main interpreter's GIL.
 * Full:    NULL with an exception.
 */
#ifndef SP_ENDINGS_H
#define SP_ENDINGS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* call_before(function, callback): the wrapper of posix's _exit, abort, execv, execve, posix_spawn or posix_spawnp, or
 * of _posixsubprocess's fork_exec; None: it is none of these, or another tool has replaced it. callback gets _exit's
 * status as an int, nothing of abort, and of the others the program and the words of its command; fork_exec's program
 * is a sequence of paths of which the first that is one is taken. */
PyObject *sp_endings_call_before_with_gil(PyObject *module, PyObject *arguments);

/* end_within(seconds, status, signal): if the process is still there after that time, ends it by the signal, or with
 * the status if signal is 0. The first call of a process counts. By a thread of its own: False if there is none. */
PyObject *sp_endings_end_within_with_gil(PyObject *module, PyObject *arguments);

#endif
