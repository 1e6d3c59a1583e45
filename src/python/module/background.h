/* background.h: one thread that runs Python every so often, for the package (serve/background.py).
 *
 * Made in C: `threading` does not list it, and patched versions of `threading` do not matter. It blocks all signals,
 * and sleeps in the kernel in between: nothing wakes it before its time but sp_background_wake. Around a fork it is
 * stopped and started again, so that CPython, which counts threads there, finds none of ours.
 *
 * Threads: all but sp_background_wake need the main interpreter's GIL. In a forked child there is no such thread until
 * it is started.
 */
#ifndef SP_BACKGROUND_H
#define SP_BACKGROUND_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* background_start(work) -> bool: runs work() at once, and again after as many seconds as it returns each time. It ends
 * where work() returns None or raises, and where it is stopped. True also where it runs already; False: there is no
 * thread for it. */
PyObject *sp_background_start_with_gil(PyObject *module, PyObject *work);

/* background_wake() -> True: runs work() now, or again if it is being run. */
PyObject *sp_background_wake_with_gil(PyObject *module, PyObject *unused);

/* The same for others than Python: needs no GIL. Signals: safe. */
void sp_background_wake(void);

/* background_stop(seconds) -> bool: asks the thread to end, and waits without the GIL until the kernel no longer counts
 * it, for that long at the most. False: work() is still at it, and the thread ends when that returns. Called on the
 * thread itself it only asks. */
PyObject *sp_background_stop_with_gil(PyObject *module, PyObject *seconds);

/* background_is_stopping() -> bool: whether this is the thread, and somebody waits for work() to return. */
PyObject *sp_background_is_stopping_with_gil(PyObject *module, PyObject *unused);

#endif
