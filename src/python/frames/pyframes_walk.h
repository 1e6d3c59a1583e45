/* pyframes_walk.h: the walk that all frame layouts share. Include it once, at the end of a pyframes_3NN.c, which
 * defines
 *
 *   frame                            one interpreter frame
 *   call_chain                       the walk's position among the calls of the evaluation loop
 *   innermost_frame(chain) -> f      of the calling thread, NULL if none; initialises the chain
 *   previous_frame(chain, f) -> f    its caller, NULL at the root
 *   shown_code(f) -> code *          NULL: not a frame that a traceback would show
 *   frame_position(f, code)          in the unit of that version's line table
 *   ends_call(chain, f, anchor)      whether f is the outermost frame of its call of the evaluation loop; if so,
 *                                    *anchor is an address inside that call's C frame, or 0, and the chain moves on
 *   has_lost_callers(f)              the interpreter itself does not know f's caller
 *   evaluation_code(ranges, n) -> n  the code ranges of the evaluation loop; only if anchors are 0
 *
 *   words:  frame frame anchor | frame anchor | anchor | frame frame anchor        leaf first; a call may show no frame
 *
 * At an allocation, the interpreter's frames are consistent: unlike a signal (pyframes_tick.h), an allocation cannot
 * come between the two stores that link a frame. A frame is linked after its arguments are in place and unlinked before
 * it is cleared; each layout handles what happens in between.
 */
#include "pycode.h"
#include "pyframes.h"
#include "pyjit.h"

/* The anchor at the end of a chain of frames that belong to no call: code that runs frames without the evaluation
 * loop pushed them. It is not an address on any stack. */
#define NO_CALL UINT64_C(1)

typedef struct output {
    uint64_t *words;
    size_t count, capacity;
    bool depth_limited; /* more words than there is room for, or more frames than the interpreter knows */
    bool no_code;       /* there was no room for a code object in the engine's table */
} output;

static inline bool has_room(output *to) {
    if (to->count < to->capacity) return true;
    to->depth_limited = true;
    return false;
}

static inline bool put(output *to, uint64_t word) {
    if (!has_room(to)) return false;
    to->words[to->count++] = word;
    return true;
}

/* The code is copied only if there is room for its frame. */
static inline bool put_frame(output *to, const frame *at, PyCodeObject *code) {
    if (!has_room(to)) return false;
    uint32_t id = sp_pycode_id(code);
    to->no_code = id == 0;
    return id != 0 && put(to, spprof_frame_interpreted(id, frame_position(at, code)));
}

static void write_words(output *to) {
    call_chain chain;
    bool in_call = false;
    for (const frame *at = innermost_frame(&chain); at != NULL; at = previous_frame(&chain, at)) {
        uint64_t anchor;
        PyCodeObject *code = shown_code(at);
        if (code != NULL && !put_frame(to, at, code)) return;
        in_call = !ends_call(&chain, at, &anchor);
        if (!in_call && !put(to, anchor)) return;
        if (has_lost_callers(at)) to->depth_limited = true;
    }
    if (in_call) put(to, NO_CALL);
}

size_t sp_pyframes_walk(uint64_t *words, size_t capacity, bool *depth_limited) {
    output to = {.words = words, .capacity = capacity};
    write_words(&to);
    if (to.no_code) return SIZE_MAX;
    if (to.depth_limited) *depth_limited = true;
    return to.count;
}

/* Positions are in bytes in 3.9 and in two-byte code units since 3.10. */
static inline bool is_at(const frame *at, PyCodeObject *code, int position) {
    int unit = PY_VERSION_HEX >= 0x030A0000 ? 2 : 1;
    return position == SP_PYFRAMES_ANYWHERE || position == unit * (int)frame_position(at, code);
}

size_t sp_pyframes_meet(PyCodeObject *const *codes, const int *positions, size_t count) {
    call_chain chain;
    size_t met = 0;
    const frame *at = innermost_frame(&chain);
    while (at != NULL && met < count) {
        uint64_t anchor;
        PyCodeObject *code = shown_code(at);
        if (code != NULL && (code != codes[met] || !is_at(at, code, positions[met]))) return met;
        met += code != NULL;
        ends_call(&chain, at, &anchor);
        at = previous_frame(&chain, at);
    }
    return met;
}

void sp_pyframes_register(void) {
    spprof_code_range ranges[SPPROF_CODE_RANGES_MAX];
    size_t count = evaluation_code(ranges, SPPROF_CODE_RANGES_MAX);
    if (count > 0) spprof_set_evaluation_code(ranges, count);
    spprof_set_walker(sp_pyframes_walk);
    spprof_set_tick_walker(sp_pyframes_walk_tick);
    sp_pyjit_register();
}
