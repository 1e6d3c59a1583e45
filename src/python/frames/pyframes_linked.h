/* pyframes_linked.h: both walks of the layouts whose frames are linked to the thread state itself (3.13 on).
 *
 *   tstate->current_frame ──► frame ──previous──► shim ──previous──► … ──► bottom   instr_ptr: the current instruction
 *
 * The shim is on the C stack and runs no code. It is a local variable of a call of the evaluation loop, and ends the
 * frames of that call. A frame is linked once its locals are in place and unlinked before they are released.
 * Instructions that can allocate or call store instr_ptr; a caller's instr_ptr stays at its call.
 *
 * Include it once, after the interpreter's headers, in a pyframes_3NN.c, which defines
 *
 *   frame                     one interpreter frame
 *   executable_of(f) -> o     what it runs: code, or an extension's own kind of executable
 *   is_shim(f)
 *   bottom_of(tstate) -> f    the frame that the outermost shim points to; the chains of greenlets end with NULL anyway
 */
static inline const void *frame_pc(const frame *at) {
    return at->instr_ptr;
}

#include "pyframes_units.h"

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

/* Return NULL for frames that run an extension's own kind of executable. */
static inline PyCodeObject *shown_code(const frame *at) {
    if (is_shim(at) || !PyCode_Check(executable_of(at))) return NULL;
    PyCodeObject *code = (PyCodeObject *)executable_of(at);
    return is_being_set_up(at, code) ? NULL : code;
}

static inline bool ends_call(call_chain *chain, const frame *at, uint64_t *anchor) {
    (void)chain;
    *anchor = (uintptr_t)at;
    return is_shim(at);
}

#include "pyframes_anchored.h"
#include "pyframes_walk.h"

/* ---- Interrupted by a signal ---- */

typedef struct innermost_call {
} innermost_call; /* its shim provides all information */

static inline const void *frame_code(const frame *copy) {
    return executable_of(copy);
}

#include "pyframes_tick.h"

static inline void tick_find_caller(tick_walk *walk, const frame *at, frame *copy) {
    (void)walk, (void)at, (void)copy;
}

/* Other kinds of executable are not shown. If the pointer does not lead to an object, the frame was never linked. */
static inline bool is_code_of_ours(tick_walk *walk, const frame *copy) {
    PyObject executable, type;
    if (spprof_code_lookup((uintptr_t)executable_of(copy)) != 0) return true;
    walk->torn = !spprof_copy(&executable, (uintptr_t)executable_of(copy), sizeof executable);
    if (walk->torn || executable.ob_type == &PyCode_Type) return !walk->torn;
    walk->torn = !spprof_copy(&type, (uintptr_t)executable.ob_type, sizeof type) || type.ob_type != &PyType_Type;
    return false;
}

/* Every chain of frames ends with a shim. */
static inline bool has_outer_call(const tick_walk *walk) {
    (void)walk;
    return true;
}

static bool tick_begin(tick_walk *walk) {
    walk->bottom = bottom_of(walk->own);
    walk->next = walk->own->current_frame;
    return walk->next != NULL && walk->next != walk->bottom;
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
