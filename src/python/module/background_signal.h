/* background_signal.h: signals that have the background thread look, and do nothing else to the program.
 *
 *   signal ──► handler in C: leaves a mark, wakes the thread by a futex ──► the thread: background_signal_came()
 *
 * CPython's own handlers wait until the main thread runs Python, and it may be waiting in C. This one does not. The
 * thread is woken once for all signals that come before it has looked.
 *
 * Memory:  none. Threads: any. Signals: the handler is async-signal-safe, and restarts system calls (SA_RESTART).
 * Fork:    a child keeps the handler, so that the signal does not end it. It has no thread: nothing happens there until
 *          it takes the signal itself.
 */
#ifndef SP_BACKGROUND_SIGNAL_H
#define SP_BACKGROUND_SIGNAL_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* background_signal_take(number) -> bool: it wakes the thread from now on. False: it has a handler already, is ignored,
 * or is taken in this process. OSError. */
PyObject *sp_background_signal_take_with_gil(PyObject *module, PyObject *number);

/* background_signal_give_back(number): its default action again, unless another handler has been set since. */
PyObject *sp_background_signal_give_back_with_gil(PyObject *module, PyObject *number);

/* background_signal_came(number) -> bool: whether it has come since it was taken, or since it was answered. */
PyObject *sp_background_signal_came_with_gil(PyObject *module, PyObject *number);

/* background_signal_answer(number): the next one wakes the thread again. */
PyObject *sp_background_signal_answer_with_gil(PyObject *module, PyObject *number);

#endif
