/* CPython 3.15: like 3.14, above a base frame (pyframes_linked.h).
 *
 *   tstate->current_frame ──► frame ──previous──► shim ──previous──► … ──► base_frame, a part of the thread state
 *
 * The base frame runs nothing. Like a shim, it has None as its code and the interpreter as its owner, but it does not
 * belong to a call of the evaluation loop. It is current in a thread that is not running Python.
 */
#include "pytstate.h"

#include <internal/pycore_interpframe_structs.h>

typedef _PyInterpreterFrame frame;

#define TAG UINT64_C(3) /* the lowest bits of a reference say how it is counted */

static inline PyObject *executable_of(const frame *at) {
    return (PyObject *)(at->f_executable.bits & ~TAG);
}

static inline bool is_shim(const frame *at) {
    return at->owner == FRAME_OWNED_BY_INTERPRETER;
}

static inline const frame *bottom_of(const PyThreadState *own) {
    return own->base_frame;
}

#include "pyframes_linked.h"
