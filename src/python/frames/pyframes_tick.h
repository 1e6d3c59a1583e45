/* pyframes_tick.h: the walk of a thread that a signal interrupted, for layouts whose frames are on a stack of the
 * thread state (3.11 on). Include it once, after pyframes_walk.h. The layout must first define
 *
 *   innermost_call                   the data about one call of the evaluation loop
 *   frame_code(f)                    the object that a copied frame runs
 *
 * and, afterwards,
 *
 *   tick_begin(walk) -> bool         set the first frame to try and the call that runs it; false: there is none
 *   tick_retry(walk) -> bool         if the last beginning led nowhere, begin at the previous call; false: none
 *   tick_ends_call(walk, at, f, a)   like ends_call, for the frame at `at` and its copy f. In the innermost call, also
 *                                    set walk->torn if the frames do not belong to that call
 *   tick_find_caller(walk, at, f)    set the innermost frame's caller, in case the frame was linked before its caller
 *                                    was stored
 *   is_code_of_ours(walk, f)         false: f runs something that is not shown
 *   has_outer_call(walk)             the frames cannot end without the end of a call
 *
 *   frames of the thread:    chunk [ frame | frame | frame ─┤ top       plain reads: no other thread frees them
 *   the calls' own:          the C stack                               plain reads, above the handler
 *   running generators':     behind an exception state of the thread   plain reads: a running generator is referenced
 *   garbage:                 anywhere else                             copied by the kernel, until the first call's end
 *
 * A signal can arrive between any two stores. The current frame pointer may then refer to a frame that is not there
 * yet, or no longer there. But the calls around the innermost one do not change, so their pointers are valid. Frames of
 * the innermost call count only if they lead to the frame that was current when it began.
 *
 * A code object whose address is already known need not be read. An unknown one is read after verifying that it is a
 * code object; the frame that runs it holds a reference.
 */
#include "pycode.h"

#include <string.h>

typedef struct tick_walk {
    const PyThreadState *own;
    const frame *innermost; /* the first frame of this walk */
    const spprof_interrupted *interrupted;
    const frame *next;                  /* the next frame to walk */
    const frame *bottom;                /* below all calls; runs nothing. NULL: this layout has none */
    const _PyStackChunk *chunk;         /* the chunk that contained the last frame */
    const _PyErr_StackItem *exceptions; /* exception states of the generators around the last frame */
    innermost_call call;
    bool is_stray; /* the pointer being walked may not be a frame */
    bool trusted;  /* the walk has left the innermost call; its callers do not change */
    bool torn;
} tick_walk;

static inline void tick_find_caller(tick_walk *walk, const frame *at, frame *copy);
static inline bool is_code_of_ours(tick_walk *walk, const frame *copy);
static inline bool has_outer_call(const tick_walk *walk);
static inline bool tick_ends_call(tick_walk *walk, const frame *at, const frame *copy, uint64_t *anchor);
static bool tick_begin(tick_walk *walk);
static bool tick_retry(tick_walk *walk);

#define FRAME_HEAD offsetof(frame, localsplus)

static inline bool lies_in(const _PyStackChunk *chunk, const char *top, const frame *at) {
    const char *begin = (const char *)at, *data = (const char *)&chunk->data[0];
    return begin >= data && begin < top && FRAME_HEAD <= (size_t)(top - begin);
}

static inline const char *chunk_top(const PyThreadState *own, const _PyStackChunk *chunk) {
    bool newest = chunk == own->datastack_chunk;
    return newest ? (const char *)own->datastack_top : (const char *)&chunk->data[chunk->top];
}

/* Frames go down from chunk to chunk, so the search starts at the chunk of the last frame. */
static inline bool is_on_frame_stack(tick_walk *walk, const frame *at) {
    for (const _PyStackChunk *chunk = walk->chunk; chunk != NULL; chunk = chunk->previous) {
        if (!lies_in(chunk, chunk_top(walk->own, chunk), at)) continue;
        walk->chunk = chunk;
        return true;
    }
    return false;
}

/* Return the frame of the generator that contains this exception state. */
static inline const frame *frame_beside(const _PyErr_StackItem *exceptions) {
    size_t apart = offsetof(PyGenObject, gi_iframe) - offsetof(PyGenObject, gi_exc_state);
    return (const frame *)((const char *)exceptions + apart);
}

/* Each running generator (or coroutine) has its exception state on the thread's stack of exception states, and its
 * resumer holds a reference to it. The topmost one may not be among the frames walked: its frame is linked later
 * than the state, or unlinked earlier. */
static inline bool is_running_generator(tick_walk *walk, const frame *at) {
    const _PyErr_StackItem *item = walk->exceptions;
    for (int i = 0; i < 2 && item != NULL && item != &walk->own->exc_state; i++, item = item->previous_item) {
        if (frame_beside(item) != at) continue;
        walk->exceptions = item->previous_item;
        return true;
    }
    return false;
}

static inline bool is_on_own_stack(const tick_walk *walk, uintptr_t from, size_t bytes) {
    const spprof_thread *self = &spprof_this_thread;
    uintptr_t sp = walk->interrupted->sp;
    bool is_own = sp >= self->stack_low && sp < self->stack_high;
    return is_own && from >= sp && from < self->stack_high && bytes <= self->stack_high - from;
}

static inline bool copy_from_stack(const tick_walk *walk, void *copy, const void *at, size_t bytes) {
    if (!is_on_own_stack(walk, (uintptr_t)at, bytes)) return spprof_copy(copy, (uintptr_t)at, bytes);
    memcpy(copy, at, bytes);
    return true;
}

static inline bool copy_frame(tick_walk *walk, const frame *at, frame *copy) {
    if ((uintptr_t)at % sizeof(void *) != 0) return false;
    walk->is_stray = !walk->trusted && !is_on_frame_stack(walk, at) && !is_running_generator(walk, at);
    if (walk->is_stray) return copy_from_stack(walk, copy, at, FRAME_HEAD);
    memcpy(copy, at, FRAME_HEAD);
    return true;
}

/* As in shown_code, a frame is still being set up before its first traceable instruction. The frame that the
 * interpreter itself inserts between a call of a class and its __init__ never gets that far. */
static inline bool is_set_up(tick_walk *walk, const frame *copy, const PyCodeObject *code) {
    int first = 0;
    if (!walk->is_stray || copy->owner == FRAME_OWNED_BY_GENERATOR) return !is_being_set_up(copy, code);
    walk->torn |= !spprof_copy(&first, (uintptr_t)&code->_co_firsttraceable, sizeof first);
    return frame_index(copy, code) >= first;
}

/* Sets walk->torn if the copy cannot be a frame: a stray pointer may lead to data that looks like one. */
static inline bool put_copied_frame(tick_walk *walk, output *to, const frame *copy) {
    const PyCodeObject *code = frame_code(copy);
    bool no_room = false;
    uint32_t id = sp_pycode_id_at((uintptr_t)code, &no_room);
    ptrdiff_t index = frame_index(copy, code);
    to->no_code = no_room;
    walk->torn |= id == 0 || index < -1 || index > INT32_MAX;
    if (walk->torn || no_room) return false;
    if (!is_set_up(walk, copy, code)) return !walk->torn;
    return put(to, spprof_frame_interpreted(id, frame_position(copy, code)));
}

static inline bool is_run(const frame *copy) {
    return copy->owner == FRAME_OWNED_BY_THREAD || copy->owner == FRAME_OWNED_BY_GENERATOR;
}

/* Walk one frame. Return false if the walk has ended, whether or not it is complete. */
static inline bool walk_frame(tick_walk *walk, output *to, bool *in_call) {
    frame copy;
    uint64_t anchor;
    const frame *at = walk->next;
    if (!copy_frame(walk, at, &copy)) walk->torn = true;
    if (!walk->torn && at == walk->innermost) tick_find_caller(walk, at, &copy);
    if (walk->torn || !has_room(to)) return false;
    if (is_run(&copy) && is_code_of_ours(walk, &copy) && !put_copied_frame(walk, to, &copy)) return false;
    *in_call = !tick_ends_call(walk, at, &copy, &anchor);
    if (walk->torn || (!*in_call && !put(to, anchor))) return false;
    walk->trusted |= !*in_call;
    walk->next = copy.previous == walk->bottom ? NULL : copy.previous;
    return true;
}

static void write_tick_words(tick_walk *walk, output *to) {
    bool in_call = false;
    walk->chunk = walk->own->datastack_chunk;
    walk->exceptions = walk->own->exc_info;
    walk->innermost = walk->next;
    walk->torn = false;
    while (walk->next != NULL && walk_frame(walk, to, &in_call)) {
    }
    walk->torn |= walk->next == NULL && !walk->trusted && has_outer_call(walk);
    if (walk->next == NULL && in_call) put(to, NO_CALL);
}

size_t sp_pyframes_walk_tick(const spprof_interrupted *interrupted, uint64_t *words, size_t capacity,
                             bool *depth_limited) {
    tick_walk walk = {.own = sp_pytstate_own(), .interrupted = interrupted};
    output to = {.words = words, .capacity = capacity};
    if (walk.own == NULL) return 0;
    if (tick_begin(&walk))
        write_tick_words(&walk, &to);
    else if (!walk.torn)
        return 0;
    while (walk.torn && tick_retry(&walk)) {
        to = (output){.words = words, .capacity = capacity};
        write_tick_words(&walk, &to);
    }
    if (walk.torn) return SPPROF_WALK_TORN;
    if (to.no_code) return SIZE_MAX;
    if (to.depth_limited) *depth_limited = true;
    return to.count;
}
