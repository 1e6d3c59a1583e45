/* pyframes_cframes.h: the tick walk's part that 3.11 and 3.12 share (pyframes_tick.h). Calls of the evaluation loop are
 * linked by their cframes, and the frames of a call begin on top of the frame that was current in the previous call.
 *
 *   tstate->cframe ──► innermost call ──previous──► call ──previous──► … ──► root, in the thread state
 *
 * Include it once, after pyframes_walk.h. The layout must first define
 *
 *   frame_words(code)                how many words of the frame stack a frame that runs the code takes
 *
 * and, afterwards, tick_ends_call.
 */
/* A cframe, and the frame that was current in the previous call. */
typedef struct innermost_call {
    const _PyCFrame *at;
    _PyCFrame copy;
    const frame *outer;
    bool is_root;
    bool has_retried;
} innermost_call;

static inline const void *frame_code(const frame *copy) {
    return copy->f_code;
}

#include "pyframes_tick.h"

static inline bool is_code_of_ours(tick_walk *walk, const frame *copy) {
    (void)walk, (void)copy;
    return true;
}

/* Each cframe except the root runs a frame that leads to the previous call. */
static inline bool has_outer_call(const tick_walk *walk) {
    return !walk->call.is_root;
}

/* The root cframe is in the thread state; the others are on the C stack. */
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

/* ---- The innermost frame has just been linked: its caller may not be stored in it yet ---- */

/* If `at` is a running generator's frame, return the frame that resumed the generator; if that belongs to a
 * generator too, the frame that resumed that one, and so on. Return any other frame itself. */
static const frame *below_generators(const tick_walk *walk, const frame *at) {
    const _PyErr_StackItem *item = walk->own->exc_info;
    for (; item != NULL && item != &walk->own->exc_state; item = item->previous_item)
        if (frame_beside(item) == at) at = at->previous;
    return at;
}

/* Return whether `at` is a frame that ends at `end`, which means that the next frame was pushed there. */
static bool reaches_to(const tick_walk *walk, const frame *at, const frame *end) {
    bool is_aligned = (uintptr_t)at % sizeof(void *) == 0;
    if (!is_aligned || !lies_in(walk->chunk, (const char *)end, at)) return false;
    if (spprof_code_lookup((uintptr_t)at->f_code) == 0) return false;
    return (PyObject *const *)at + frame_words(at->f_code) == (PyObject *const *)end;
}

/* Return the frame's caller. It is either the frame just below it on the frame stack, whose address a register then
 * holds, or a generator that the frame just below has resumed. */
static __attribute__((noinline)) const frame *caller_of(const tick_walk *walk, const frame *at) {
    uintptr_t words[SPPROF_INTERRUPTED_WORDS_MAX];
    size_t count = spprof_interrupted_words(walk->interrupted, words);
    const frame *generator = frame_beside(walk->own->exc_info);
    bool is_resumed = walk->own->exc_info != &walk->own->exc_state;
    if (is_resumed && reaches_to(walk, below_generators(walk, generator), at)) return generator;
    if (reaches_to(walk, walk->call.outer, at)) return walk->call.outer;
    for (size_t i = 0; i < count; i++)
        if (reaches_to(walk, (const frame *)words[i], at)) return (const frame *)words[i];
    return NULL;
}

/* Set the caller of the innermost frame. The stores at the end of a call may come in any order. The caller of a
 * call's first frame is in the previous call, and a layout may have put another frame in between. */
static inline void tick_find_caller(tick_walk *walk, const frame *at, frame *copy) {
    if (walk->is_stray || copy->owner != FRAME_OWNED_BY_THREAD || frame_index(copy, copy->f_code) != -1) return;
    const frame *caller = caller_of(walk, at);
    if (caller != NULL && caller != walk->call.outer) copy->previous = (frame *)caller;
}

/* ---- The innermost call is just beginning or ending: it does not have a frame yet, or no longer has one ---- */

/* Return whether call `at` is further out than `inner`, judging by its address. */
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

/* Return the call before the innermost one. A call links its cframe before filling it, so for some instructions its
 * `previous` is garbage, which may look like a call further out. The true address is then only in a register, or in
 * half of a vector register. The innermost of all candidates is the right one. */
static __attribute__((noinline)) const _PyCFrame *call_before(const tick_walk *walk, const _PyCFrame *innermost) {
    uintptr_t words[SPPROF_INTERRUPTED_WORDS_MAX + 1];
    size_t count = spprof_interrupted_words(walk->interrupted, words);
    const _PyCFrame *found = NULL;
    _PyCFrame copy;
    if (copy_call(walk, innermost, &copy)) words[count++] = (uintptr_t)copy.previous;
    for (size_t i = 0; i < count; i++) {
        const _PyCFrame *at = (const _PyCFrame *)words[i];
        bool is_call = is_outside(walk, at, innermost) && leads_to_root(walk, at);
        if (is_call && (found == NULL || is_outside(walk, found, at))) found = at;
    }
    return found;
}

static bool tick_retry(tick_walk *walk) {
    const _PyCFrame *innermost = walk->own->cframe;
    if (innermost == &walk->own->root_cframe || walk->call.has_retried) return false;
    walk->call.has_retried = true;
    const _PyCFrame *before = call_before(walk, innermost);
    return before != NULL && begin_at(walk, before);
}
