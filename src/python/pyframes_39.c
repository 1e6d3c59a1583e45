/* CPython 3.9: a chain of frame objects.
 *
 *   tstate->frame ──► frame object ──f_back──► … ──► NULL        f_lasti: bytes into co_code
 *
 * tstate->frame is set when evaluation begins and reset before the frame is released, so whatever stands there is held
 * by the evaluation that runs it. A generator's f_back is set while it runs, and only then. f_lasti is stored before
 * each instruction, save for the second of a predicted pair; it is −1 until the first.
 */
#include "pytstate.h"

#include <frameobject.h>

#include "pylines.h"

typedef PyFrameObject frame;

static inline frame *own_frame(void) {
    PyThreadState *own = sp_pytstate_own();
    return own == NULL ? NULL : own->frame;
}

static inline frame *previous_frame(const frame *at) {
    return at->f_back;
}

static inline PyCodeObject *shown_code(const frame *at) {
    return at->f_code;
}

static inline uint32_t frame_position(const frame *at, const PyCodeObject *code) {
    (void)code;
    return at->f_lasti < 0 ? 0 : (uint32_t)at->f_lasti;
}

#include "pyframes_walk.h"

int sp_pyframes_line(const spprof_code *code, uint32_t position) {
    return sp_pylines_step_after(code, position);
}
