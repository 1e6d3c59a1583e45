/* CPython 3.13: like 3.12, but frames are linked to the thread state itself (pyframes_linked.h).
 *
 * The shim's code is None.
 */
#include "pytstate.h"

#include <internal/pycore_frame.h>

typedef _PyInterpreterFrame frame;

static inline PyObject *executable_of(const frame *at) {
    return at->f_executable;
}

static inline bool is_shim(const frame *at) {
    return at->owner >= FRAME_OWNED_BY_CSTACK;
}

static inline const frame *bottom_of(const PyThreadState *own) {
    (void)own;
    return NULL;
}

#include "pyframes_linked.h"
