#include "unwind.h"

#include "caller.h"
#include "describe.h"
#include "generated.h"
#include "lookup.h"
#include "memory.h"
#include "modules.h"
#include "objects.h"
#include "rule_cache.h"
#include "signal_frame.h"
#include "spprof.h"
#include "untabled.h"

#include <stdatomic.h>

static struct {
    _Atomic uint64_t evaluated, restarted, truncated;
} counters;

static void count(_Atomic uint64_t *counter) {
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* A recorded walk is not followed if its rules have since been discarded. */
static _Atomic uint32_t rule_version;

void sp_unwind_forget(void) {
    atomic_fetch_add(&rule_version, 1);
    sp_rule_cache_clear();
}

void sp_unwind_prepare(void) {
    sp_objects_listen(sp_unwind_forget);
    sp_objects_prepare(true);
    sp_modules_prepare();
}

sp_unwind_counters sp_unwind_read_counters(void) {
    return (sp_unwind_counters){.misses = sp_lookup_misses(),
                                .evaluated = atomic_load(&counters.evaluated),
                                .restarted = atomic_load(&counters.restarted),
                                .truncated = atomic_load(&counters.truncated)};
}

bool sp_unwind_find_function(uintptr_t pc, uintptr_t *start, uintptr_t *end) {
    sp_object object;
    return sp_objects_find(pc, &object) && sp_describe_function(&object, pc, start, end);
}

/* ---- The walk ---- */

typedef enum step_result {
    STEP_CALLER,
    STEP_FIRST,  /* the thread's first frame */
    STEP_FAILED, /* unknown caller */
    STEP_RESTART /* all registers are needed, from the first frame on */
} step_result;

typedef struct walk {
    sp_frame frame;
    sp_stack_memory stack;
    bool exact;                    /* pc is where a signal interrupted (or the walk began), not after a call */
    bool keep_all;                 /* evaluate the row of every frame, so that all registers are known */
    const sp_registers *registers; /* this frame's, as far as they are known; NULL: only those in `frame` */
    sp_registers all;
    sp_native_stack *out;
    const sp_last_walk *last; /* NULL: there is none to follow */
    size_t met;               /* the first frame of `last` that this walk may still reach */
    sp_last_walk *now;        /* NULL: this walk will not be followed */
} walk;

static uintptr_t lookup_pc(const walk *at) {
    return at->frame.pc - !at->exact;
}

/* The frame's end is unknown until the step to its caller; until then, its end is set equal to its beginning. Return
 * false if there is no room. */
static bool push_address(walk *at) {
    sp_native_stack *out = at->out;
    if (out->count == out->capacity) return false;
    out->addresses[out->count] = lookup_pc(at) + 1;
    out->ends[out->count] = at->frame.sp;
    if (at->now)
        at->now->frames[out->count] =
            (sp_last_frame){.address = lookup_pc(at) + 1, .sp = at->frame.sp, .fp = at->frame.fp};
    out->count++;
    return true;
}

static void enter_caller(walk *at, bool exact) {
    at->out->ends[at->out->count - 1] = at->frame.sp;
    at->out->interrupted |= exact;
    at->exact = exact;
}

/* ---- By a row ---- */

static void know_frame_only(walk *at) {
    at->all = (sp_registers){.known = 0};
    sp_registers_set(&at->all, SP_REGISTER_PC, at->frame.pc);
    sp_registers_set(&at->all, SP_REGISTER_SP, at->frame.sp);
    sp_registers_set(&at->all, SP_REGISTER_FP, at->frame.fp);
}

/* Copy the registers to `all`, where they may be changed. */
static void keep_registers(walk *at) {
    if (!at->registers)
        know_frame_only(at);
    else if (at->registers != &at->all)
        at->all = *at->registers;
    at->registers = &at->all;
}

/* A signal's frame may lead to any of the thread's stacks; a call only leads upwards. But if the call leaves the
 * return address in a register, the interrupted function may have no frame at all. */
static bool accept_caller(walk *at, bool signal_frame) {
    uintptr_t sp = at->all.value[SP_REGISTER_SP];
    if (!signal_frame && sp < at->frame.sp + !at->exact) return false;
    at->frame.pc = at->all.value[SP_REGISTER_PC];
    at->frame.sp = sp;
    if (!sp_registers_get(&at->all, SP_REGISTER_FP, &at->frame.fp)) at->frame.fp = 0;
    if (signal_frame) sp_stack_memory_find(&at->stack, sp);
    return true;
}

/* `interrupted`: the address on the stack where all registers are stored. */
static step_result step_by_signal_frame(walk *at, uintptr_t interrupted) {
    for (unsigned i = 0; i < SP_REGISTER_COUNT; i++, interrupted += sizeof interrupted)
        if (!sp_stack_memory_load(&at->stack, interrupted, &at->all.value[i])) return STEP_FAILED;
    at->all.known = (UINT64_C(1) << SP_REGISTER_COUNT) - 1;
    at->registers = &at->all;
    accept_caller(at, true);
    enter_caller(at, true);
    return STEP_CALLER;
}

static __attribute__((noinline)) step_result step_by_row(walk *at) {
    sp_object object;
    sp_description found;
    uintptr_t interrupted;
    count(&counters.evaluated);
    if (!sp_objects_find(lookup_pc(at), &object) || !sp_describe(&object, lookup_pc(at), &found)) return STEP_FAILED;
    if (found.fde.signal_frame && sp_signal_frame_find(at->frame.pc, at->frame.sp, &interrupted))
        return step_by_signal_frame(at, interrupted);
    keep_registers(at);
    sp_caller_result result = sp_caller_find(&found.row, &found.fde, &at->all, &at->stack);
    if (result == SP_CALLER_NONE) return STEP_FIRST;
    if (result == SP_CALLER_UNKNOWN) return at->keep_all ? STEP_FAILED : STEP_RESTART;
    if (!accept_caller(at, found.fde.signal_frame)) return STEP_FAILED;
    enter_caller(at, found.fde.signal_frame);
    return STEP_CALLER;
}

/* ---- By the frame pointer ---- */

/* This is for code without a description: generated at run time, or written in assembly. What looks like its frame
 * may be anything, so the code before the return address must be a call. */
static bool is_behind_call(uintptr_t pc) {
    sp_object object;
    if (!sp_objects_find(pc - 1, &object) || pc - object.start < 7) return false;
    if (!sp_memory_is_readable(pc - 1) || !sp_memory_is_readable(pc - 7)) return false;
    return sp_untabled_is_behind_call(pc);
}

static bool is_outside_objects(uintptr_t pc) {
    sp_object object;
    return !sp_objects_find(pc, &object);
}

static __attribute__((noinline)) step_result step_by_frame_pointer(walk *at) {
    uintptr_t fp = at->frame.fp, pc, caller_fp;
    if (sp_describe_is_first(lookup_pc(at), fp, &at->stack)) return STEP_FIRST;
    if (fp < at->frame.sp || fp % sizeof fp != 0) return STEP_FAILED;
    if (!sp_stack_memory_load(&at->stack, fp, &caller_fp)) return STEP_FAILED;
    if (!sp_stack_memory_load(&at->stack, fp + sizeof fp, &pc)) return STEP_FAILED;
    pc = sp_strip_signature(pc);
    bool generated = is_outside_objects(lookup_pc(at)) && is_outside_objects(pc) && caller_fp > fp;
    if (!generated && !is_behind_call(pc)) return STEP_FAILED;
    at->frame = (sp_frame){.pc = pc, .sp = fp + 2 * sizeof fp, .fp = caller_fp};
    at->registers = NULL;
    bool found = sp_untabled_find_stack_pointer(&at->frame, &at->stack);
    enter_caller(at, false);
    if (!found) push_address(at);
    return found ? STEP_CALLER : STEP_FAILED;
}

/* ---- By the link register ---- */

/* Step from code that continues in another function with the return address still in its register. */
static bool step_by_link_register(walk *at) {
    uintptr_t pc;
    if (!at->exact || !sp_untabled_leads_on(at->frame.pc)) return false;
    keep_registers(at);
    if (!sp_registers_get(&at->all, SP_REGISTER_RETURN, &pc)) return false;
    at->frame.pc = sp_strip_signature(pc);
    sp_registers_set(&at->all, SP_REGISTER_PC, at->frame.pc);
    enter_caller(at, false);
    return true;
}

/* ---- By the interpreter's anchors ---- */

/* Leave out the frame that was pushed last: extend the previous one to the call that runs it. */
static void drop_address(walk *at) {
    sp_native_stack *out = at->out;
    out->count--;
    if (out->count == 0)
        out->begin = at->frame.sp;
    else
        out->ends[out->count - 1] = at->frame.sp;
}

static bool step_by_anchor(walk *at) {
    const sp_native_stack *out = at->out;
    if (!out->words || !sp_generated_leave(&at->frame, lookup_pc(at), out->words, out->word_count, &at->stack))
        return false;
    at->registers = NULL;
    at->exact = false;
    drop_address(at);
    return true;
}

/* ---- By any available means ---- */

static __attribute__((noinline)) step_result step_without_table(walk *at) {
    uintptr_t interrupted;
    if (sp_signal_frame_find(at->frame.pc, at->frame.sp, &interrupted)) return step_by_signal_frame(at, interrupted);
    if (step_by_anchor(at) || step_by_link_register(at)) return STEP_CALLER;
    return step_by_frame_pointer(at);
}

static step_result step_slow(walk *at, sp_rule rule) {
    switch (sp_rule_kind_of(rule)) {
    case SP_RULE_END:
        return STEP_FIRST;
    case SP_RULE_NO_TABLE:
        return step_without_table(at);
    default:
        return step_by_row(at);
    }
}

/* ---- Following the last walk ---- */

static void follow_last_walk(walk *at, sp_last_walks *walks) {
    at->met = 0;
    at->last = at->now = NULL;
    if (!walks || at->keep_all) return;
    uint32_t rules = atomic_load_explicit(&rule_version, memory_order_acquire);
    at->last = &walks->walks[walks->latest];
    at->now = &walks->walks[walks->latest ^= 1];
    at->now->count = 0; /* remains 0 if the walk restarts */
    at->now->rule_version = rules;
    if (at->last->rule_version != rules) at->last = NULL;
}

static inline bool is_same(const walk *at, const sp_last_frame *frame) {
    return frame->sp == at->frame.sp && frame->fp == at->frame.fp && frame->address == lookup_pc(at) + 1;
}

/* Return whether the last walk passed through exactly this frame. */
static inline bool was_here(walk *at) {
    const sp_last_walk *last = at->last;
    while (at->met < last->count && last->frames[at->met].sp < at->frame.sp) at->met++;
    return at->met < last->count && is_same(at, &last->frames[at->met]);
}

/* Follow the last walk as long as each frame still leads to the same next one. */
static inline void follow(walk *at) {
    sp_native_stack *out = at->out;
    const sp_stack_memory stack = at->stack;
    size_t begin = at->met, left = at->last->count - begin, room = out->capacity - out->count;
    const sp_last_frame *from = at->last->frames + begin, *end = from + (left - 1 < room ? left - 1 : room);
    sp_last_frame *to = at->now->frames + out->count - 1;
    uintptr_t *address = out->addresses + out->count, *stack_end = out->ends + out->count - 1;
    for (; from < end && sp_last_frame_leads_on(from, &stack); from++) {
        *to++ = *from;
        *address++ = from[1].address;
        *stack_end++ = from[1].sp;
    }
    size_t followed = (size_t)(from - at->last->frames) - begin;
    if (followed == 0) return;
    *to = *from;
    *stack_end = from->sp;
    out->count += followed;
    at->met += followed;
    at->frame = (sp_frame){.pc = from->address, .sp = from->sp, .fp = from->fp};
    at->exact = false;
    at->registers = NULL;
}

static inline void note_places(walk *at, sp_rule rule) {
    if (!at->now || sp_rule_kind_of(rule) > SP_RULE_FP) return;
    sp_last_frame *frame = &at->now->frames[at->out->count - 1];
    frame->pc_place = sp_rule_pc_place(rule, at->frame.sp);
    frame->fp_place = sp_rule_fp_place(rule, at->frame.sp);
}

/* ---- One step ---- */

static inline step_result step(walk *at) {
    if (at->last && was_here(at)) follow(at);
    sp_rule rule = sp_lookup_rule(lookup_pc(at));
    if (__builtin_expect(sp_rule_kind_of(rule) > SP_RULE_FP_LOAD || at->keep_all, 0)) return step_slow(at, rule);
    if (!sp_rule_step(rule, &at->frame, &at->stack)) return STEP_FAILED;
    at->registers = NULL;
    note_places(at, rule);
    enter_caller(at, false);
    return STEP_CALLER;
}

/* Frames hold 48 bits of an address. A larger value on a torn stack is not an address. */
static bool is_code_address(uintptr_t pc) {
    return pc < (UINT64_C(1) << SPPROF_FRAME_GENERATION_SHIFT) - 1;
}

/* A return address of 0 marks a thread's first function if nothing else does. */
static step_result walk_from(const sp_registers *registers, walk *at) {
    at->frame = (sp_frame){.pc = registers->value[SP_REGISTER_PC],
                           .sp = registers->value[SP_REGISTER_SP],
                           .fp = registers->value[SP_REGISTER_FP]};
    at->registers = registers;
    at->exact = true;
    at->out->begin = at->frame.sp;
    at->out->count = 0;
    follow_last_walk(at, at->out->last);
    sp_stack_memory_find(&at->stack, at->frame.sp);
    step_result result = STEP_CALLER;
    while (result == STEP_CALLER && at->frame.pc != 0) {
        if (!is_code_address(at->frame.pc)) return STEP_FAILED;
        if (!push_address(at)) return STEP_CALLER;
        result = step(at);
    }
    return result == STEP_CALLER ? STEP_FIRST : result;
}

void sp_unwind(const sp_registers *registers, sp_native_stack *out) {
    walk at; /* not zeroed: it holds a full set of registers, which few walks need */
    at.out = out;
    at.keep_all = false;
    out->interrupted = false;
    step_result result = walk_from(registers, &at);
    if (result == STEP_RESTART) {
        count(&counters.restarted);
        at.keep_all = true;
        result = walk_from(registers, &at);
    }
    if (at.now) at.now->count = out->count;
    out->depth_limited = result == STEP_CALLER;
    out->truncated = result == STEP_FAILED || result == STEP_RESTART;
    if (out->truncated) count(&counters.truncated);
}
