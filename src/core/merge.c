#include "merge.h"

#include "modules.h"

typedef struct merging {
    const sp_interpreter_stack *interpreter;
    size_t next;      /* the first word of the next group */
    uintptr_t lowest; /* lowest anchor of the next groups: a frame that ends below it contains none of their anchors */
    bool started;     /* a group has been added */
    sp_merged_stack *out;
} merging;

static void put(sp_merged_stack *out, uint64_t frame) {
    if (out->count == out->capacity)
        out->depth_limited = true;
    else
        out->frames[out->count++] = frame;
}

static bool is_anchor(uint64_t word) {
    return !(word & SPPROF_FRAME_INTERPRETED);
}

/* Return the index of the anchor that ends the group beginning at `from`, or the number of words if there is none. */
static size_t find_anchor(const sp_interpreter_stack *interpreter, size_t from) {
    while (from < interpreter->count && !is_anchor(interpreter->words[from])) from++;
    return from;
}

static bool is_evaluation(const sp_interpreter_stack *interpreter, uintptr_t address) {
    for (size_t i = 0; i < interpreter->code_count; i++)
        if (address - 1 >= interpreter->code[i].start && address - 1 < interpreter->code[i].end) return true;
    return false;
}

static bool holds(const merging *at, const sp_native_stack *native, size_t i, uint64_t anchor) {
    if (anchor == 0) return is_evaluation(at->interpreter, native->addresses[i]);
    uintptr_t begin = i > 0 ? native->ends[i - 1] : native->begin;
    return anchor >= begin && anchor < native->ends[i];
}

#define GROUPS_AHEAD 4 /* more than one, so that an anchor that is not found does not block the others */

/* Most frames contain no anchor, and one comparison rules them out. With an anchor of 0, every frame is examined. */
static void look_ahead(merging *at) {
    size_t from = at->next;
    at->lowest = UINTPTR_MAX;
    for (int ahead = 0; ahead < GROUPS_AHEAD && from < at->interpreter->count; ahead++) {
        size_t anchor = find_anchor(at->interpreter, from);
        if (anchor == at->interpreter->count) return;
        if (at->interpreter->words[anchor] < at->lowest) at->lowest = at->interpreter->words[anchor];
        from = anchor + 1;
    }
}

/* Append the next words up to `end`, without their anchors. */
static void put_words(merging *at, size_t end) {
    for (; at->next < end && at->next < at->interpreter->count; at->next++)
        if (!is_anchor(at->interpreter->words[at->next])) put(at->out, at->interpreter->words[at->next]);
    at->next = end;
    at->started = true;
    look_ahead(at);
}

/* Append the groups up to the one that replaces the native frame. Return false if no group does. */
static bool put_groups_of(merging *at, const sp_native_stack *native, size_t i) {
    size_t from = at->next;
    if (native->ends[i] < at->lowest) return false;
    for (int ahead = 0; ahead < GROUPS_AHEAD && from < at->interpreter->count; ahead++) {
        size_t anchor = find_anchor(at->interpreter, from);
        if (anchor == at->interpreter->count) return false;
        if (holds(at, native, i, at->interpreter->words[anchor])) {
            put_words(at, anchor + 1);
            return true;
        }
        from = anchor + 1;
    }
    return false;
}

static bool ends_coroutine(const merging *at, uintptr_t address) {
    bool all_put = at->started && at->next >= at->interpreter->count;
    return all_put && sp_modules_switches_stacks(address - 1);
}

static uint64_t native_word(uintptr_t address) {
    uint64_t generation = sp_modules_reused() ? sp_modules_generation(address - 1) : 0;
    return (uint64_t)address | generation << SPPROF_FRAME_GENERATION_SHIFT;
}

/* Append one native frame, or the group that replaces it. */
static void merge_frame(merging *at, const sp_native_stack *native, size_t i, sp_is_own *is_own) {
    sp_merged_stack *out = at->out;
    if (put_groups_of(at, native, i)) return;
    if (!at->started && is_own(native->addresses[i])) {
        out->count = 0;
        out->depth_limited = false;
        return;
    }
    put(out, native_word(native->addresses[i]));
    out->whole = ends_coroutine(at, native->addresses[i]);
}

void sp_merge(const sp_native_stack *native, const sp_interpreter_stack *interpreter, sp_is_own *is_own,
              sp_merged_stack *merged) {
    merging at = {.interpreter = interpreter, .out = merged};
    look_ahead(&at);
    merged->count = 0;
    merged->depth_limited = merged->whole = false;
    for (size_t i = 0; i < native->count && !merged->whole; i++) merge_frame(&at, native, i, is_own);
    put_words(&at, interpreter->count);
}
