/* CPython 3.12: like 3.11, with a shim frame for each call of the evaluation loop.
 *
 *   tstate->cframe ──► { current_frame } ──► frame ──previous──► shim ──previous──► … ──► NULL
 *                                                                prev_instr: before the next code unit
 *
 * The shim is on the C stack, and its code is a trampoline; only its first two fields and its owner are set. It is a
 * local variable of the call of the evaluation loop whose frames it ends. While the last of those frames is being
 * cleared, the shim is the call's only frame. The cframe is linked before current_frame is filled, but an allocation
 * cannot come in between. A frame is linked once its locals are in place and unlinked before they are released. Each
 * instruction stores prev_instr, so during an instruction prev_instr is the instruction itself or one of its inline
 * caches.
 */
#include "pytstate.h"

#include <internal/pycore_frame.h>

typedef _PyInterpreterFrame frame;

static inline const void *frame_pc(const frame *at) {
    return at->prev_instr;
}

#include "pyframes_units.h"

typedef struct call_chain {
} call_chain; /* no state needed */

static inline const frame *innermost_frame(call_chain *chain) {
    PyThreadState *own = sp_pytstate_own();
    (void)chain;
    return own == NULL || own->cframe == NULL ? NULL : own->cframe->current_frame;
}

static inline const frame *previous_frame(call_chain *chain, const frame *at) {
    (void)chain;
    return at->previous;
}

static inline bool is_shim(const frame *at) {
    return at->owner >= FRAME_OWNED_BY_CSTACK;
}

static inline PyCodeObject *shown_code(const frame *at) {
    return is_shim(at) || is_being_set_up(at, at->f_code) ? NULL : at->f_code;
}

static inline bool ends_call(call_chain *chain, const frame *at, uint64_t *anchor) {
    (void)chain;
    *anchor = (uintptr_t)at;
    return is_shim(at);
}

#include "pyframes_anchored.h"
#include "pyframes_walk.h"

/* ---- Interrupted by a signal ---- */

static inline size_t frame_words(const PyCodeObject *code) {
    return (size_t)code->co_framesize;
}

#include "pyframes_cframes.h"

static inline bool tick_ends_call(tick_walk *walk, const frame *at, const frame *copy, uint64_t *anchor) {
    *anchor = (uintptr_t)at;
    if (!is_shim(copy)) return false;
    if (!walk->trusted) walk->torn = copy->previous != walk->call.outer;
    return true;
}
