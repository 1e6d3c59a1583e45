/* CPython 3.13: as 3.12, linked to the thread state itself.
 *
 *   tstate->current_frame ──► frame ──previous──► shim ──previous──► … ──► NULL        instr_ptr: the current instruction
 *
 * The shim of each entry of C's eval loop lies on the C stack and has None for code. Frames are linked once their locals
 * are in place and unlinked before these are released. Each instruction stores instr_ptr, and a caller's stays at its
 * call. A free-threaded build has the same layout: frames are the thread's own, and their code outlives them.
 */
#include "pytstate.h"

#include <internal/pycore_frame.h>

#include "pylines.h"

typedef _PyInterpreterFrame frame;

static inline frame *own_frame(void) {
    PyThreadState *own = sp_pytstate_own();
    return own == NULL ? NULL : own->current_frame;
}

static inline frame *previous_frame(const frame *at) {
    return at->previous;
}

/* In code units. */
static inline ptrdiff_t frame_index(const frame *at, const PyCodeObject *code) {
    return at->instr_ptr - (const _Py_CODEUNIT *)code->co_code_adaptive;
}

/* Until its first traceable instruction a frame is still being set up (cells, the generator object): what that
 * allocates is the caller's. Extensions may push frames of their own kinds of executable. */
static inline PyCodeObject *shown_code(const frame *at) {
    if (at->owner >= FRAME_OWNED_BY_CSTACK || !PyCode_Check(at->f_executable)) return NULL;
    PyCodeObject *code = (PyCodeObject *)at->f_executable;
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
