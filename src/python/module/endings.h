/* endings.h: wraps Python's functions that end the process, replace it or start another, so that they call us first.
 *
 *   os._exit(3) ──► wrapper ──► callback(3): writes files ──► the original ──► the process ends with 3
 *                      │            └ raises: the exception is dropped
 *                      └ arguments that the original rejects: the original is called at once, and raises
 *
 * A wrapper has the type of its original: a built-in function of the same module with the original's name, docstring
 * and signature. So pickle finds it by name, and it does not become a method in a class. The C functions underneath
 * (_exit, abort, execve) are not hooked, because a child of vfork that calls them shares our memory.
 *
 * Memory:  only the wrapper. A callback belongs to its interpreter, which drops it when it ends; from then on only the
 *          original is called.
 * Threads: with the main interpreter's GIL.
 * Full:    NULL with an exception.
 */
#ifndef SP_ENDINGS_H
#define SP_ENDINGS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* call_before(function, callback): return a wrapper of posix's _exit, abort, execv, execve, posix_spawn or
 * posix_spawnp, or of _posixsubprocess's fork_exec. Return None if `function` is none of these, or if another tool
 * has replaced it. The callback gets _exit's status as an int, and nothing for abort; for the other functions it
 * gets the program and the words of its command. fork_exec's program is a sequence of paths; the first one that
 * exists is used. */
PyObject *sp_endings_call_before_with_gil(PyObject *module, PyObject *arguments);

/* end_within(seconds, status, signal): if the process is still running after that time, end it with the signal, or
 * with the status if signal is 0. Only the first call in a process counts. Uses a separate thread; returns False if
 * it cannot be created. */
PyObject *sp_endings_end_within_with_gil(PyObject *module, PyObject *arguments);

#endif
