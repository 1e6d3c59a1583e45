#include "generated.h"

#include "lookup.h"

#include <stdatomic.h>

/* If a frame is farther from its anchor than this, it is not the evaluation loop's. */
#define FRAME_BYTES_MAX ((uintptr_t)1 << 20)

static _Atomic(spprof_generated_code *) is_generated;

/* A call of the evaluation loop: its location in the loop, and how far below its anchor its registers point. Each
 * build of the interpreter has only one such frame, so learning it again gives the same values. */
static struct {
    _Atomic uintptr_t pc, sp_below, fp_below;
    _Atomic bool known; /* stored last */
} call;

void sp_generated_ask(spprof_generated_code *asked) {
    atomic_store_explicit(&is_generated, asked, memory_order_release);
}

bool sp_generated_has_learned(void) {
    return atomic_load_explicit(&call.known, memory_order_acquire);
}

static bool is_near(uintptr_t distance) {
    return distance < FRAME_BYTES_MAX || -distance < FRAME_BYTES_MAX;
}

/* Return whether the frame's rule finds the caller from these registers alone. */
static bool has_simple_rule(const sp_frame *frame, uintptr_t anchor) {
    sp_rule_kind kind = sp_rule_kind_of(sp_lookup_rule(frame->pc - 1));
    return kind == SP_RULE_SP || (kind == SP_RULE_FP && is_near(anchor - frame->fp));
}

bool sp_generated_learn(const sp_frame *frame, uintptr_t anchor) {
    if (sp_generated_has_learned()) return true;
    if (!is_near(anchor - frame->sp) || !has_simple_rule(frame, anchor)) return false;
    atomic_store_explicit(&call.pc, frame->pc, memory_order_relaxed);
    atomic_store_explicit(&call.sp_below, anchor - frame->sp, memory_order_relaxed);
    atomic_store_explicit(&call.fp_below, anchor - frame->fp, memory_order_relaxed);
    atomic_store_explicit(&call.known, true, memory_order_release);
    return true;
}

/* Return the lowest anchor on this stack above `sp`; 0 if there is none. */
static uintptr_t next_anchor(const uint64_t *words, size_t count, uintptr_t sp, const sp_stack_memory *stack) {
    uintptr_t lowest = 0;
    for (size_t i = 0; i < count; i++) {
        bool is_above = !(words[i] & SPPROF_FRAME_INTERPRETED) && words[i] > sp && words[i] < stack->limit;
        if (is_above && (lowest == 0 || words[i] < lowest)) lowest = words[i];
    }
    return lowest;
}

/* If the loop finds its caller by the stack pointer, it has either left the frame pointer unchanged or saved it.
 * Generated code preserves the frame pointer, so `fp` keeps its value. */
bool sp_generated_leave(sp_frame *frame, uintptr_t pc, const uint64_t *words, size_t count,
                        const sp_stack_memory *stack) {
    spprof_generated_code *asked = atomic_load_explicit(&is_generated, memory_order_acquire);
    if (!asked || !sp_generated_has_learned() || !asked(pc)) return false;
    uintptr_t anchor = next_anchor(words, count, frame->sp, stack);
    uintptr_t sp = anchor - atomic_load_explicit(&call.sp_below, memory_order_relaxed);
    if (anchor == 0 || sp < frame->sp) return false;
    uintptr_t call_pc = atomic_load_explicit(&call.pc, memory_order_relaxed);
    if (sp_rule_kind_of(sp_lookup_rule(call_pc - 1)) == SP_RULE_FP)
        frame->fp = anchor - atomic_load_explicit(&call.fp_below, memory_order_relaxed);
    frame->pc = call_pc;
    frame->sp = sp;
    return true;
}
