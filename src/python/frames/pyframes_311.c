/* CPython 3.11: frames are on a stack of the thread state, or inside generators.
 *
 *   tstate->cframe ──► { current_frame } ──► frame ──previous──► frame        prev_instr: before the next code unit
 *            previous                                              previous
 *               ▼                                                  ▼
 *                    { current_frame } ──────────────────────────► frame ──► … ──► NULL        … root_cframe
 *
 * On entry, the C evaluation loop first links its cframe and fills it a few stores later. A signal may read garbage
 * there; an allocation cannot come in between. A frame is linked once its locals are in place. From 3.11.1 on it is
 * unlinked before they are released. 3.11.0 clears it first, which may run Python code while the frame's code object is
 * being destroyed: such a code object has no references left. Each instruction stores prev_instr, so during an
 * instruction prev_instr is the instruction itself or one of its inline caches.
 *
 * Each call of the evaluation loop has a cframe on the C stack. It runs the frames from its current_frame up to, but
 * not including, the current frame of the previous cframe. (is_entry cannot replace this: if a generator passes throw()
 * on to the generator it delegates to, its frame is linked without being evaluated, and is_entry keeps an earlier
 * value.) The root's cframe is in the thread state. A greenlet's chain ends with a cframe that has no frame.
 */
#include "pytstate.h"

#include <internal/pycore_frame.h>

typedef _PyInterpreterFrame frame;

static inline const void *frame_pc(const frame *at) {
    return at->prev_instr;
}

#include "pyframes_units.h"

typedef struct call_chain {
    const _PyCFrame *call, *root;
} call_chain;

static inline const frame *innermost_frame(call_chain *chain) {
    PyThreadState *own = sp_pytstate_own();
    if (own == NULL || own->cframe == NULL) return NULL;
    *chain = (call_chain){.call = own->cframe, .root = &own->root_cframe};
    return own->cframe->current_frame;
}

static inline const frame *previous_frame(call_chain *chain, const frame *at) {
    (void)chain;
    return at->previous;
}

static inline PyCodeObject *shown_code(const frame *at) {
    PyCodeObject *code = at->f_code;
    return Py_REFCNT(code) <= 0 || is_being_set_up(at, code) ? NULL : code;
}

static inline bool ends_call(call_chain *chain, const frame *at, uint64_t *anchor) {
    if (chain->call == chain->root || at->previous != chain->call->previous->current_frame) return false;
    *anchor = (uintptr_t)chain->call;
    chain->call = chain->call->previous;
    return true;
}

#include "pyframes_anchored.h"
#include "pyframes_walk.h"

/* ---- Interrupted by a signal ---- */

static inline size_t frame_words(const PyCodeObject *code) {
    return (size_t)code->co_nlocalsplus + (size_t)code->co_stacksize + FRAME_SPECIALS_SIZE;
}

#include "pyframes_cframes.h"

static inline bool tick_ends_call(tick_walk *walk, const frame *at, const frame *copy, uint64_t *anchor) {
    (void)at;
    innermost_call *call = &walk->call;
    if (call->is_root || copy->previous != call->outer) return false;
    *anchor = (uintptr_t)call->at;
    if (!read_call(walk, call->copy.previous)) walk->torn = true;
    return true;
}
