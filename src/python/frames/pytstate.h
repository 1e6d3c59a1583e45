/* pytstate.h: the calling thread's own thread state.
 *
 * Threads: any, with or without the GIL; creates nothing.
 */
#ifndef SP_PYTSTATE_H
#define SP_PYTSTATE_H

#define PY_SSIZE_T_CLEAN
#ifndef Py_BUILD_CORE
#define Py_BUILD_CORE 1 /* frames and the runtime are declared in CPython's internal headers */
#endif
#include <Python.h>
#include <internal/pycore_runtime.h>

/* Return the calling thread's state. Return NULL for a native thread, and for a thread whose state is gone or may be
 * freed at any time. CPython clears the thread's slot before it frees the state, except at interpreter shutdown:
 * there, another thread frees the states of daemon threads, which may still be running C code without the GIL.
 * Before 3.12 the slot keeps the first of several states, so allocations of a subinterpreter appear under the frames
 * that called it. */
static inline PyThreadState *sp_pytstate_own(void) {
    PyThreadState *own = PyGILState_GetThisThreadState();
    PyThreadState *finalizing = _PyRuntimeState_GetFinalizing(&_PyRuntime);
    return finalizing == NULL || finalizing == own ? own : NULL;
}

#endif
