/* CPython 3.14: like 3.13, with tagged references (pyframes_linked.h).
 *
 * The shim is now owned by the interpreter (FRAME_OWNED_BY_INTERPRETER). Other frames on the C stack are not the
 * interpreter's and show no code.
 */
#include "pytstate.h"

#include <internal/pycore_interpframe_structs.h>

typedef _PyInterpreterFrame frame;

#define TAG UINT64_C(3) /* the lowest bits of a reference say how it is counted */

static inline PyObject *executable_of(const frame *at) {
    return (PyObject *)(at->f_executable.bits & ~TAG);
}

static inline bool is_shim(const frame *at) {
    return at->owner >= FRAME_OWNED_BY_INTERPRETER;
}

static inline const frame *bottom_of(const PyThreadState *own) {
    (void)own;
    return NULL;
}

#include "pyframes_linked.h"
