/* CPython 3.11: frames lie on a stack of the thread state, or inside generators.
 *
 *   tstate->cframe ──► { current_frame } ──► frame ──previous──► frame        prev_instr: before the next code unit
 *            previous                                              previous
 *               ▼                                                  ▼
 *                    { current_frame } ──────────────────────────► frame ──► … ──► NULL        … root_cframe
 *
 * Entering C's eval loop links its cframe first and fills it a few stores later: a signal may read garbage there, an
 * allocation cannot fall in between. A frame is linked once its locals are in place and, from 3.11.1 on,
 * unlinked before they are released; 3.11.0 clears it first, and what that releases may run Python while the frame's
 * code is being destroyed: such code has no references left. Each instruction stores prev_instr, so that during it
 * prev_instr is the instruction itself or one of its inline caches.
 *
 * Each call of the evaluation loop has a cframe on the C stack and runs the frames from its current_frame up to, and
 * without, the one that is current in the cframe before. (is_entry would not tell: the frame of a generator whose
 * throw() is passed on to the generator it delegates to is linked without being evaluated, and keeps the mark of
 * earlier.) The root's cframe is in the thread state. A greenlet's chain ends with a cframe that has no frame.
 */
#include "pytstate.h"

#include <internal/pycore_frame.h>

#include "pylines.h"

typedef _PyInterpreterFrame frame;

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

/* In code units; −1 in a new frame. */
static inline ptrdiff_t frame_index(const frame *at, const PyCodeObject *code) {
    return at->prev_instr - (const _Py_CODEUNIT *)code->co_code_adaptive;
}

/* Until its first traceable instruction a frame is still being set up (cells, the generator object): what that
 * allocates is the caller's. */
static inline PyCodeObject *shown_code(const frame *at) {
    PyCodeObject *code = at->f_code;
    if (Py_REFCNT(code) <= 0) return NULL;
    if (at->owner == FRAME_OWNED_BY_GENERATOR) return code;
    return frame_index(at, code) < code->_co_firsttraceable ? NULL : code;
}

static inline uint32_t frame_position(const frame *at, const PyCodeObject *code) {
    ptrdiff_t index = frame_index(at, code);
    return index < 0 ? 0 : (uint32_t)index;
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

#include "pyframes_cframes.h"

static inline bool tick_ends_call(tick_walk *walk, const frame *at, const frame *copy, uint64_t *anchor) {
    (void)at;
    innermost_call *call = &walk->call;
    if (call->is_root || copy->previous != call->outer) return false;
    *anchor = (uintptr_t)call->at;
    if (!read_call(walk, call->copy.previous)) walk->torn = true;
    return true;
}

size_t sp_pyframes_walk_tick(const spprof_interrupted *interrupted, uint64_t *words, size_t capacity, bool *cut) {
    return walk_tick(interrupted, words, capacity, cut);
}

int sp_pyframes_line(const spprof_code *code, uint32_t position) {
    return sp_pylines_runs(code, position);
}
