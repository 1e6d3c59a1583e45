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

/* NULL: a native thread, or one whose state is gone or may go at any moment. CPython clears the thread's slot before
 * it frees the state, except at the interpreter's end: then another thread frees the states of the daemon threads,
 * which may still be running C code without the GIL. Before 3.12 the slot keeps the first of several states: what a
 * subinterpreter allocates is found under the frames that called it. */
static inline PyThreadState *sp_pytstate_own(void) {
    PyThreadState *own = PyGILState_GetThisThreadState();
    PyThreadState *finalizing = _PyRuntimeState_GetFinalizing(&_PyRuntime);
    return finalizing == NULL || finalizing == own ? own : NULL;
}

#endif
