/* background_refusal.h: allocations that fail have the background thread look.
 *
 *   malloc returns NULL ──► the engine, if it would have been a sample ──► a mark, and a futex wakes the thread
 *
 * Nothing is changed in what the program sees: it gets its NULL, or its MemoryError.
 *
 * Memory:  none. Threads: any. Signals: async-signal-safe. Fork: a child has no thread: the mark stays.
 */
#ifndef SP_BACKGROUND_REFUSAL_H
#define SP_BACKGROUND_REFUSAL_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* background_refusal_follow(bool): whether the next one wakes the thread: once, until it is followed anew. */
PyObject *sp_background_refusal_follow_with_gil(PyObject *module, PyObject *follows);

/* background_refusal_came() -> bool: whether there was one since. */
PyObject *sp_background_refusal_came_with_gil(PyObject *module, PyObject *unused);

#endif
