/* pyframes_linked.h: what the layouts share whose frames hang on the thread state itself (3.13 on): all of both walks.
 *
 *   tstate->current_frame ──► frame ──previous──► shim ──previous──► … ──► bottom        instr_ptr: the current instruction
 *
 * The shim lies on the C stack, runs no code and ends the frames of the call of the evaluation loop whose variable it is.
 * Frames are linked once their locals are in place and unlinked before these are released. An instruction at which
 * anything can happen stores instr_ptr, and a caller's stays at its call.
 *
 * Included once, behind the interpreter's headers, by a pyframes_3NN.c, which defines
 *
 *   frame                     one interpreter frame
 *   executable_of(f) -> o     what it runs: code, or an extension's own kind
 *   is_shim(f)
 *   bottom_of(tstate) -> f    what the outermost shim leads to
 */
#include "pylines.h"

typedef struct call_chain {
    const frame *bottom;
} call_chain;

static inline const frame *previous_frame(call_chain *chain, const frame *at) {
    return at->previous == chain->bottom ? NULL : at->previous;
}

static inline const frame *innermost_frame(call_chain *chain) {
    PyThreadState *own = sp_pytstate_own();
    if (own == NULL) return NULL;
    chain->bottom = bottom_of(own);
    return own->current_frame == chain->bottom ? NULL : own->current_frame;
}

/* In code units. */
static inline ptrdiff_t frame_index(const frame *at, const PyCodeObject *code) {
    return at->instr_ptr - (const _Py_CODEUNIT *)code->co_code_adaptive;
}

/* Until its first traceable instruction a frame is still being set up (cells, the generator object): what that
 * allocates is the caller's. Extensions may push frames of their own kinds of executable. */
static inline PyCodeObject *shown_code(const frame *at) {
    if (is_shim(at) || !PyCode_Check(executable_of(at))) return NULL;
    PyCodeObject *code = (PyCodeObject *)executable_of(at);
    if (at->owner == FRAME_OWNED_BY_GENERATOR) return code;
    return frame_index(at, code) < code->_co_firsttraceable ? NULL : code;
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

#define CODE_BEGIN offsetof(PyCodeObject, co_code_adaptive)

typedef struct innermost_call {
} innermost_call; /* nothing is known of it but its shim */

static inline const void *frame_code(const frame *copy) {
    return executable_of(copy);
}

static inline const void *frame_pc(const frame *copy) {
    return copy->instr_ptr;
}

#include "pyframes_tick.h"

/* Other kinds of executable are not shown, and what is no object was never linked. */
static inline bool is_code_of_ours(tick_walk *walk, const frame *copy) {
    PyObject executable, type;
    if (spprof_code_lookup((uintptr_t)executable_of(copy)) != 0) return true;
    walk->torn = !spprof_copy(&executable, (uintptr_t)executable_of(copy), sizeof executable);
    if (walk->torn || executable.ob_type == &PyCode_Type) return !walk->torn;
    walk->torn = !spprof_copy(&type, (uintptr_t)executable.ob_type, sizeof type) || type.ob_type != &PyType_Type;
    return false;
}

/* Each frame ends with a shim. */
static inline bool has_outer_call(const tick_walk *walk) {
    (void)walk;
    return true;
}

static bool tick_begin(tick_walk *walk) {
    walk->bottom = bottom_of(walk->own);
    walk->next = walk->own->current_frame;
    return walk->next != walk->bottom;
}

static bool tick_retry(tick_walk *walk) {
    (void)walk;
    return false;
}

static inline bool tick_ends_call(tick_walk *walk, const frame *at, const frame *copy, uint64_t *anchor) {
    (void)walk;
    *anchor = (uintptr_t)at;
    return is_shim(copy);
}

size_t sp_pyframes_walk_tick(const spprof_interrupted *interrupted, uint64_t *words, size_t capacity, bool *cut) {
    return walk_tick(interrupted, words, capacity, cut);
}

int sp_pyframes_line(const spprof_code *code, uint32_t position) {
    return sp_pylines_runs(code, position);
}
