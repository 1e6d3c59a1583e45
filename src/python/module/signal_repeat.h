/* signal_repeat.h: an ending signal that comes again until its handler in Python has run.
 *
 *   signal ──► CPython's handler: leaves a mark ──► the main thread sees it between instructions, or at a wait's end
 *     ▲ └────► a timer ─┐
 *     └── every 20 ms ──┘      after 5 s the signal's default action instead: the process ends, as without a handler
 *
 * A signal that strikes just before a call that waits (for a lock of multiprocessing's, say) leaves a mark that nobody
 * looks at: the call waits on, where the default action would have ended the process.
 *
 * Memory:  none. Threads: any. Signals: the handler calls the kernel and CPython's own handler, nothing else.
 * Fork:    a child has no timer; the first signal that it gets makes one.
 * Full:    where the kernel grants no timer the signal comes once, as ever.
 */
#ifndef SP_SIGNAL_REPEAT_H
#define SP_SIGNAL_REPEAT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* repeat_signal(number): repeats it from now on, until the program sets another handler. OSError. */
PyObject *sp_signal_repeat_with_gil(PyObject *module, PyObject *number);

/* has_default_action(number): whether neither Python nor C code has set a handler, or ignores the signal. OSError. */
PyObject *sp_signal_has_default_action_with_gil(PyObject *module, PyObject *number);

/* signal_handled(): the handler runs; no more of the signal that it was called for. */
PyObject *sp_signal_handled_with_gil(PyObject *module, PyObject *unused);

#endif
