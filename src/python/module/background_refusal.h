/* background_refusal.h: lets a failed allocation wake the background thread.
 *
 *   malloc returns NULL ──► the engine, if it would have been a sample ──► a mark, and the thread is woken
 *
 * The program sees no difference: it gets its NULL, or its MemoryError.
 *
 * Memory:  none. Threads: any. Signals: async-signal-safe. Fork: a child has no such thread; the mark stays.
 */
#ifndef SP_BACKGROUND_REFUSAL_H
#define SP_BACKGROUND_REFUSAL_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* background_refusal_follow(bool): whether the next failure wakes the thread. It is woken once, until this function
 * is called again. */
PyObject *sp_background_refusal_follow_with_gil(PyObject *module, PyObject *follows);

/* background_refusal_came() -> bool: whether an allocation has failed since background_refusal_follow was last
 * called. */
PyObject *sp_background_refusal_came_with_gil(PyObject *module, PyObject *unused);

#endif
