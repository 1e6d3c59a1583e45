/* pyframes_cframes.h: what the interrupted walks of 3.11 and 3.12 share (pyframes_tick.h): calls of the evaluation loop are linked by
 * their cframes, and each begins with the frame that was current in the one before.
 *
 *   tstate->cframe ──► innermost call ──previous──► call ──previous──► … ──► root, in the thread state
 *
 * Included once, behind pyframes_walk.h, by a layout that defines tick_ends_call behind it.
 */
#define CODE_BEGIN offsetof(PyCodeObject, co_code_adaptive)

/* A cframe, and the frame that was current in the one before. */
typedef struct innermost_call {
    const _PyCFrame *at;
    _PyCFrame copy;
    const frame *outer;
    bool is_root;
    int retries;
} innermost_call;

static inline const void *frame_code(const frame *copy) {
    return copy->f_code;
}

static inline const void *frame_pc(const frame *copy) {
    return copy->prev_instr;
}

#include "pyframes_tick.h"

static inline bool is_code_of_ours(tick_walk *walk, const frame *copy) {
    (void)walk, (void)copy;
    return true;
}

/* Each cframe but the root's runs a frame that leads to the one before it. */
static inline bool has_outer_call(const tick_walk *walk) {
    return !walk->call.is_root;
}

/* The root's lies in the thread state, the others on the C stack. */
static inline bool copy_call(const tick_walk *walk, const _PyCFrame *at, _PyCFrame *copy) {
    if (at != &walk->own->root_cframe) return copy_from_stack(walk, copy, at, sizeof *copy);
    *copy = *at;
    return true;
}

static bool read_call(tick_walk *walk, const _PyCFrame *at) {
    _PyCFrame before;
    innermost_call *call = &walk->call;
    call->at = at;
    call->is_root = at == &walk->own->root_cframe;
    call->outer = NULL;
    if (!copy_call(walk, at, &call->copy)) return false;
    if (call->is_root) return true;
    if (!copy_call(walk, call->copy.previous, &before)) return false;
    call->outer = before.current_frame;
    return true;
}

static bool begin_at(tick_walk *walk, const _PyCFrame *at) {
    walk->trusted = false;
    walk->next = NULL;
    walk->torn = !read_call(walk, at);
    if (!walk->torn) walk->next = walk->call.copy.current_frame;
    return !walk->torn;
}

static bool tick_begin(tick_walk *walk) {
    return walk->own->cframe != NULL && begin_at(walk, walk->own->cframe);
}

/* ---- The innermost call is just beginning or ending: it runs nothing yet, or no more ---- */

/* Whether it is a call further out than another, as far as can be seen from where it lies. */
static bool is_outside(const tick_walk *walk, const _PyCFrame *at, const _PyCFrame *inner) {
    const _PyCFrame *root = &walk->own->root_cframe;
    if (at == root || inner == root) return inner != root;
    uintptr_t begin = (uintptr_t)at;
    return begin > (uintptr_t)inner && begin % sizeof(void *) == 0 && is_on_own_stack(walk, begin, sizeof *at);
}

static bool leads_to_root(const tick_walk *walk, const _PyCFrame *at) {
    while (at != &walk->own->root_cframe) {
        const _PyCFrame *previous = at->previous;
        if (!is_outside(walk, previous, at)) return false;
        at = previous;
    }
    return true;
}

/* A call links its cframe before it fills it: for some instructions only a register, or half a vector, leads to the call
 * before. Of the calls that are found in registers it is the innermost. */
static const _PyCFrame *call_in_registers(const tick_walk *walk, const _PyCFrame *innermost) {
    uintptr_t words[SPPROF_INTERRUPTED_WORDS_MAX];
    size_t count = spprof_interrupted_words(walk->interrupted, words);
    const _PyCFrame *found = NULL;
    for (size_t i = 0; i < count; i++) {
        const _PyCFrame *at = (const _PyCFrame *)words[i];
        bool is_call = is_outside(walk, at, innermost) && leads_to_root(walk, at);
        if (is_call && (found == NULL || is_outside(walk, found, at))) found = at;
    }
    return found;
}

static bool tick_retry(tick_walk *walk) {
    const _PyCFrame *innermost = walk->own->cframe;
    int retry = walk->call.retries++;
    if (innermost == &walk->own->root_cframe || retry > 1) return false;
    if (retry == 0 && read_call(walk, innermost) && begin_at(walk, walk->call.copy.previous)) return true;
    walk->call.retries = 2;
    const _PyCFrame *before = call_in_registers(walk, innermost);
    return before != NULL && begin_at(walk, before);
}
