/* background_signal.h: signals that wake the background thread and do not affect the program otherwise.
 *
 *   signal ──► handler in C: leaves a mark, wakes the thread ──► the thread: background_signal_came()
 *
 * CPython's own handlers run only when the main thread is running Python code, and it may be waiting in C. This handler
 * does not depend on the main thread. All signals that arrive before the thread has looked wake it only once.
 *
 * Memory:  none. Threads: any. Signals: the handler is async-signal-safe, and restarts system calls (SA_RESTART).
 * Fork:    a child keeps the handler, so that the signal does not end it. It has no thread: nothing happens there until
 *          it takes the signal itself.
 */
#ifndef SP_BACKGROUND_SIGNAL_H
#define SP_BACKGROUND_SIGNAL_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* background_signal_take(number) -> bool: let the signal wake the thread from now on. Returns False if it already
 * has a handler, is ignored, or is already taken in this process. Raises OSError. */
PyObject *sp_background_signal_take_with_gil(PyObject *module, PyObject *number);

/* background_signal_give_back(number): restore the default action, unless another handler has been set in the
 * meantime. */
PyObject *sp_background_signal_give_back_with_gil(PyObject *module, PyObject *number);

/* background_signal_came(number) -> bool: whether the signal has arrived since it was taken or answered. */
PyObject *sp_background_signal_came_with_gil(PyObject *module, PyObject *number);

/* background_signal_answer(number): let the next signal wake the thread again. */
PyObject *sp_background_signal_answer_with_gil(PyObject *module, PyObject *number);

#endif
