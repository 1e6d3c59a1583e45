/* CPython 3.10: the frame chain of 3.9, with positions in code units, plus a chain of the evaluation loop's calls.
 *
 *   tstate->frame ───► frame object ──f_back──► … ──► NULL      f_lasti: code units into co_code
 *   tstate->cframe ──► CFrame ──previous──► … ──► root_cframe   the calls, on the C stack; the root in the thread state
 *
 * As in 3.9, tstate->frame is set when evaluation begins and reset before the frame is released. f_lasti is stored
 * before each instruction, except for the second of a predicted pair; it is −1 until the first.
 *
 * Each frame has its own call, and both are linked and unlinked together, so the n-th frame belongs to the n-th CFrame.
 * There is one exception: if a generator passes throw() on to the generator it delegates to, the outer generator's
 * frame is linked without being evaluated, and it belongs to the call in which throw() was called. A greenlet's chain
 * ends with an extra CFrame that has no frame.
 */
#include "pytstate.h"

#include <frameobject.h>
#include <opcode.h>

#include "pylines.h"

typedef PyFrameObject frame;

typedef struct call_chain {
    const CFrame *next, *root;
} call_chain;

static inline const frame *innermost_frame(call_chain *chain) {
    PyThreadState *own = sp_pytstate_own();
    if (own == NULL) return NULL;
    *chain = (call_chain){.next = own->cframe, .root = &own->root_cframe};
    return own->frame;
}

static inline const frame *previous_frame(call_chain *chain, const frame *at) {
    (void)chain;
    return at->f_back;
}

static inline PyCodeObject *shown_code(const frame *at) {
    return at->f_code;
}

static inline uint32_t frame_position(const frame *at, const PyCodeObject *code) {
    (void)code;
    return at->f_lasti < 0 ? 0 : (uint32_t)at->f_lasti;
}

/* After the last instruction, this reads the zero that ends every bytes object. */
static inline int next_opcode(const frame *at) {
    return (uint8_t)PyBytes_AS_STRING(at->f_code->co_code)[(at->f_lasti + 1) * (int)sizeof(_Py_CODEUNIT)];
}

/* Return whether a throw() is being passed on. The evaluation loop does not store its current stack depth in the
 * frame (it is −1 there), except while a trace function runs. No trace function is called for the instruction before
 * YIELD_FROM, because no line begins there. */
static inline bool passes_throw_on(const frame *at) {
    return at->f_stackdepth > 0 && at->f_gen != NULL && at->f_state == FRAME_EXECUTING && next_opcode(at) == YIELD_FROM;
}

static inline bool ends_call(call_chain *chain, const frame *at, uint64_t *anchor) {
    if (chain->next == chain->root || passes_throw_on(at)) return false;
    *anchor = (uintptr_t)chain->next;
    chain->next = chain->next->previous;
    return true;
}

#include "pyframes_anchored.h"
#include "pyframes_walk.h"

/* Return whether a throw() that was passed on has just returned: CPython clears the outer generator's f_back before
 * it unlinks the frame. For these few instructions its callers are unknown. */
static bool has_just_lost_callers(const frame *at) {
    return at->f_back == NULL && at->f_gen != NULL && at->f_state != FRAME_EXECUTING;
}

/* A frame is complete before it is linked, and unlinked before it is released, so at any other point a signal finds
 * a valid chain. */
size_t sp_pyframes_walk_tick(const spprof_interrupted *interrupted, uint64_t *words, size_t capacity,
                             bool *depth_limited) {
    (void)interrupted;
    PyThreadState *own = sp_pytstate_own();
    if (own != NULL && own->frame != NULL && has_just_lost_callers(own->frame)) return SPPROF_WALK_TORN;
    return sp_pyframes_walk(words, capacity, depth_limited);
}

int sp_pyframes_line(const spprof_code *code, uint32_t position) {
    return sp_pylines_step_before(code, position);
}
