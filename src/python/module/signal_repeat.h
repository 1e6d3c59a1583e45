/* signal_repeat.h: repeats a signal that is meant to end the process until its Python handler has run.
 *
 *   signal ──► CPython's handler: leaves a mark ──► the main thread sees it between instructions, or when a wait ends
 *     ▲ └────► a timer ─┐
 *     └── every 20 ms ──┘      after 5 s, the signal's default action instead: the process ends, as without a handler
 *
 * If a signal arrives just before a blocking call (for a lock of multiprocessing's, for example), its mark is not seen:
 * the call keeps waiting, where the default action would have ended the process.
 *
 * Memory:  none. Threads: any. Signals: the handler calls only the kernel and CPython's own handler.
 * Fork:    a child has no timer; the first signal that it gets creates one.
 * Full:    if the kernel grants no timer, the signal arrives once, as usual.
 */
#ifndef SP_SIGNAL_REPEAT_H
#define SP_SIGNAL_REPEAT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* repeat_signal(number): repeat the signal from now on, until the program sets another handler. Raises OSError. */
PyObject *sp_signal_repeat_with_gil(PyObject *module, PyObject *number);

/* has_default_action(number) -> bool: whether no handler, in Python or in C, is set for the signal and the signal is
 * not ignored. Raises OSError. */
PyObject *sp_signal_has_default_action_with_gil(PyObject *module, PyObject *number);

/* signal_handled(): the Python handler is running, so stop repeating the signal that triggered it. */
PyObject *sp_signal_handled_with_gil(PyObject *module, PyObject *unused);

#endif
