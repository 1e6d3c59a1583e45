/* CPython 3.9: a chain of frame objects.
 *
 *   tstate->frame ──► frame object ──f_back──► … ──► NULL        f_lasti: bytes into co_code
 *
 * tstate->frame is set when evaluation begins and reset before the frame is released, so the evaluation that runs a
 * frame in this chain holds a reference to it. A generator's f_back is set only while the generator is running. f_lasti
 * is stored before each instruction, except for the second of a predicted pair; it is −1 until the first.
 *
 * Each frame has its own call of the evaluation loop. Such a call publishes no pointer to its C frame, so it is found
 * by its code. If a generator passes throw() on to the generator it delegates to, the outer generator's frame is linked
 * without being evaluated and without f_back: only the C stack knows the caller of throw().
 */
#include "pytstate.h"

#include <frameobject.h>

#include "code_ranges.h"
#include "pylines.h"

typedef PyFrameObject frame;

typedef struct call_chain {
} call_chain; /* no state needed */

static inline const frame *innermost_frame(call_chain *chain) {
    PyThreadState *own = sp_pytstate_own();
    (void)chain;
    return own == NULL ? NULL : own->frame;
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

/* A frame that only passes throw() on takes the place of the call in which throw() was called; that call is lost. */
static inline bool ends_call(call_chain *chain, const frame *at, uint64_t *anchor) {
    (void)chain, (void)at;
    *anchor = 0;
    return true;
}

/* Return whether the frame is in the chain although it is suspended. (A trace function for a call event sees the
 * frame in the same state, but linked to its caller.) */
static inline bool has_lost_callers(const frame *at) {
    return at->f_back == NULL && at->f_gen != NULL && !at->f_executing && at->f_stacktop != NULL;
}

static size_t evaluation_code(spprof_code_range *ranges, size_t capacity) {
    return sp_code_ranges_find((const void *)_PyEval_EvalFrameDefault, ranges, capacity);
}

#include "pyframes_walk.h"

/* A frame is complete before it is linked, and unlinked before it is released, so a signal finds a valid chain. */
size_t sp_pyframes_walk_tick(const spprof_interrupted *interrupted, uint64_t *words, size_t capacity,
                             bool *depth_limited) {
    (void)interrupted;
    return sp_pyframes_walk(words, capacity, depth_limited);
}

int sp_pyframes_line(const spprof_code *code, uint32_t position) {
    return sp_pylines_step_after(code, position);
}
