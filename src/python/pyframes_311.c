/* CPython 3.11: frames lie on a stack of the thread state, or inside generators.
 *
 *   tstate->cframe ──► { current_frame } ──► frame ──previous──► … ──► NULL        prev_instr: before the next code unit
 *
 * Entering C's eval loop links its cframe first and fills current_frame a few stores later: a signal may read garbage
 * there, an allocation cannot fall in between. A frame is linked once its locals are in place and, from 3.11.1 on,
 * unlinked before they are released; 3.11.0 clears it first, and what that releases may run Python while the frame's
 * code is being destroyed: such code has no references left. Each instruction stores prev_instr, so that during it
 * prev_instr is the instruction itself or one of its inline caches.
 */
#include "pytstate.h"

#include <internal/pycore_frame.h>

#include "pylines.h"

typedef _PyInterpreterFrame frame;

static inline frame *own_frame(void) {
    PyThreadState *own = sp_pytstate_own();
    return own == NULL || own->cframe == NULL ? NULL : own->cframe->current_frame;
}

static inline frame *previous_frame(const frame *at) {
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

#include "pyframes_walk.h"

int sp_pyframes_line(const spprof_code *code, uint32_t position) {
    return sp_pylines_runs(code, position);
}
