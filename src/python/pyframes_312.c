/* CPython 3.12: as 3.11, with a shim frame for each call of the evaluation loop.
 *
 *   tstate->cframe ──► { current_frame } ──► frame ──previous──► shim ──previous──► … ──► NULL
 *                                                                prev_instr: before the next code unit
 *
 * The shim lies on the C stack, has a trampoline for code and only its first two fields and owner are set. It is a
 * variable of the call of the evaluation loop whose frames it ends, and is met alone while the last of them is cleared.
 * The cframe is linked before current_frame is filled, but an allocation cannot fall in between. Frames are linked once
 * their locals are in place and unlinked before these are released. Each instruction stores prev_instr, so that during
 * it prev_instr is the instruction itself or one of its inline caches.
 */
#include "pytstate.h"

#include <internal/pycore_frame.h>

#include "pylines.h"

typedef _PyInterpreterFrame frame;

typedef struct call_chain {
} call_chain; /* nothing to keep */

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

/* In code units; −1 in a new frame. */
static inline ptrdiff_t frame_index(const frame *at, const PyCodeObject *code) {
    return at->prev_instr - (const _Py_CODEUNIT *)code->co_code_adaptive;
}

/* Until its first traceable instruction a frame is still being set up (cells, the generator object): what that
 * allocates is the caller's. */
static inline PyCodeObject *shown_code(const frame *at) {
    if (is_shim(at)) return NULL;
    if (at->owner == FRAME_OWNED_BY_GENERATOR) return at->f_code;
    return frame_index(at, at->f_code) < at->f_code->_co_firsttraceable ? NULL : at->f_code;
}

static inline uint32_t frame_position(const frame *at, const PyCodeObject *code) {
    ptrdiff_t index = frame_index(at, code);
    return index < 0 ? 0 : (uint32_t)index;
}

static inline bool ends_call(call_chain *chain, const frame *at, uint64_t *anchor) {
    (void)chain;
    *anchor = (uintptr_t)at;
    return is_shim(at);
}

#include "pyframes_anchored.h"
#include "pyframes_walk.h"

/* ---- Interrupted by a signal ---- */

#include "pyframes_cframes.h"

static inline bool tick_ends_call(tick_walk *walk, const frame *at, const frame *copy, uint64_t *anchor) {
    *anchor = (uintptr_t)at;
    if (!is_shim(copy)) return false;
    if (!walk->trusted) walk->torn = copy->previous != walk->call.outer;
    return true;
}

size_t sp_pyframes_walk_tick(const spprof_interrupted *interrupted, uint64_t *words, size_t capacity, bool *cut) {
    return walk_tick(interrupted, words, capacity, cut);
}

int sp_pyframes_line(const spprof_code *code, uint32_t position) {
    return sp_pylines_runs(code, position);
}
