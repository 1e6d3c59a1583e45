/* background.h: one thread that runs Python code at intervals, for the package (serve/background.py).
 *
 * The thread is created in C, so that `threading` does not list it and patched versions of `threading` do not affect
 * it. It blocks all signals and sleeps in the kernel between runs; only sp_background_wake wakes it early. It is
 * stopped before a fork and restarted afterwards, so that CPython does not see it when it counts threads at the fork.
 *
 * Threads: all but sp_background_wake need the main interpreter's GIL. A forked child has no such thread until it
 *          starts one.
 */
#ifndef SP_BACKGROUND_H
#define SP_BACKGROUND_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* background_start(work) -> bool: run work() at once, and again after as many seconds as each run returns. The
 * thread ends when work() returns None or raises, or when it is stopped. Also returns True if the thread is already
 * running. Returns False if it cannot be created. */
PyObject *sp_background_start_with_gil(PyObject *module, PyObject *work);

/* background_wake() -> True: run work() now, or once more if it is running. */
PyObject *sp_background_wake_with_gil(PyObject *module, PyObject *unused);

/* Like background_wake(), but for callers outside Python: needs no GIL.
 * Signals: safe. */
void sp_background_wake(void);

/* background_stop(seconds) -> bool: ask the thread to end, then wait, without the GIL and for at most `seconds`,
 * until the kernel no longer counts it. Returns False if work() is still running; the thread ends when work()
 * returns. When called on the thread itself, it only asks and does not wait. */
PyObject *sp_background_stop_with_gil(PyObject *module, PyObject *seconds);

/* background_is_stopping() -> bool: whether the caller is this thread and has been asked to end, so that work()
 * should return. */
PyObject *sp_background_is_stopping_with_gil(PyObject *module, PyObject *unused);

#endif
