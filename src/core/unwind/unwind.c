#include "unwind.h"

#include "caller.h"
#include "memory.h"
#include "modules.h"
#include "objects.h"
#include "rule_cache.h"
#include "spprof.h"

#include <stdatomic.h>

static struct {
    _Atomic uint64_t misses, evaluated, restarted, truncated;
} counters;

static void count(_Atomic uint64_t *counter) {
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

void sp_unwind_prepare(void) {
    sp_objects_prepare(true);
    sp_modules_prepare();
}

void sp_unwind_forget(void) {
    sp_rule_cache_clear();
}

sp_unwind_counters sp_unwind_read_counters(void) {
    return (sp_unwind_counters){.misses = atomic_load(&counters.misses),
                                .evaluated = atomic_load(&counters.evaluated),
                                .restarted = atomic_load(&counters.restarted),
                                .truncated = atomic_load(&counters.truncated)};
}

/* ---- Descriptions ---- */

typedef struct description {
    sp_fde fde;
    sp_cfi_row row;
} description;

static bool describe(const sp_object *object, uintptr_t pc, description *found) {
    if (!object->eh_header) return false;
    sp_eh_image image = {.start = object->eh_start, .end = object->eh_end, .header = object->eh_header};
    return sp_eh_frame_find(&image, pc, &found->fde) && sp_cfi_row_at(&image, &found->fde, pc, &found->row);
}

/* Code outside of any object may be gone and others come to its place: it is looked for each time. */
static __attribute__((noinline)) sp_rule find_rule_slow(uintptr_t pc) {
    sp_object object;
    description found;
    if (!sp_objects_find(pc, &object)) return sp_rule_of_kind(SP_RULE_NO_TABLE);
    count(&counters.misses);
    sp_modules_note(&object);
    sp_rule rule = sp_rule_of_kind(SP_RULE_NO_TABLE);
    if (describe(&object, pc, &found)) rule = sp_rule_encode(&found.row, &found.fde);
    sp_rule_cache_insert(pc, rule);
    return rule;
}

static inline sp_rule find_rule(uintptr_t pc) {
    sp_rule rule = sp_rule_cache_find(pc);
    return __builtin_expect(rule != SP_RULE_NONE, 1) ? rule : find_rule_slow(pc);
}

/* ---- The walk ---- */

typedef enum step_result {
    STEP_CALLER,
    STEP_FIRST,  /* the thread's first frame */
    STEP_FAILED, /* nobody knows */
    STEP_RESTART /* all registers would be needed from the start */
} step_result;

typedef struct walk {
    sp_frame frame;
    sp_stack_memory stack;
    bool exact;                    /* pc is where a signal interrupted (or where we began), not behind a call */
    bool keep_all;                 /* every frame by its row, so that all registers are known */
    const sp_registers *registers; /* those of this frame, as far as known; NULL: only what `frame` holds */
    sp_registers all;
    sp_native_stack *out;
} walk;

static uintptr_t lookup_pc(const walk *at) {
    return at->frame.pc - !at->exact;
}

/* The frame's end is not known until the step to its caller: till then it holds nothing. False: no room. */
static bool push_address(walk *at) {
    sp_native_stack *out = at->out;
    if (out->count == out->capacity) return false;
    out->addresses[out->count] = lookup_pc(at) + 1;
    out->ends[out->count++] = at->frame.sp;
    return true;
}

static void enter_caller(walk *at, bool exact) {
    at->out->ends[at->out->count - 1] = at->frame.sp;
    at->exact = exact;
}

/* ---- By a row ---- */

static void know_frame_only(walk *at) {
    at->all = (sp_registers){.known = 0};
    sp_registers_set(&at->all, SP_REGISTER_PC, at->frame.pc);
    sp_registers_set(&at->all, SP_REGISTER_SP, at->frame.sp);
    sp_registers_set(&at->all, SP_REGISTER_FP, at->frame.fp);
}

/* A signal's frame leads to any stack of the thread; a call only upwards. */
static bool accept_caller(walk *at, bool signal_frame) {
    uintptr_t sp = at->all.value[SP_REGISTER_SP];
    if (!signal_frame && sp <= at->frame.sp) return false;
    at->frame.pc = at->all.value[SP_REGISTER_PC];
    at->frame.sp = sp;
    if (!sp_registers_get(&at->all, SP_REGISTER_FP, &at->frame.fp)) at->frame.fp = 0;
    if (signal_frame) sp_stack_memory_find(&at->stack, sp);
    return true;
}

static __attribute__((noinline)) step_result step_by_row(walk *at) {
    sp_object object;
    description found;
    count(&counters.evaluated);
    if (!sp_objects_find(lookup_pc(at), &object) || !describe(&object, lookup_pc(at), &found)) return STEP_FAILED;
    if (at->registers != &at->all) know_frame_only(at);
    sp_caller_result result = sp_caller_find(&found.row, &found.fde, &at->all, &at->stack);
    if (result == SP_CALLER_NONE) return STEP_FIRST;
    if (result == SP_CALLER_UNKNOWN) return at->keep_all ? STEP_FAILED : STEP_RESTART;
    if (!accept_caller(at, found.fde.signal_frame)) return STEP_FAILED;
    at->registers = &at->all;
    enter_caller(at, found.fde.signal_frame);
    return STEP_CALLER;
}

/* ---- By the frame pointer ---- */

#if defined(__x86_64__)
/* The length of an indirect call whose operand these two bytes begin; 0: some other instruction. */
static unsigned indirect_call_length(uint8_t operand, uint8_t index) {
    unsigned mode = operand >> 6, base = operand & 7;
    bool has_index = mode < 3 && base == 4;
    bool is_far = mode == 2 || (mode == 0 && (base == 5 || (has_index && (index & 7) == 5)));
    bool is_call = (operand >> 3 & 7) == 2;
    return is_call ? 2 + has_index + (is_far ? 4 : mode == 1) : 0;
}

static bool is_behind_indirect_call(const uint8_t *code) {
    for (unsigned length = 2; length <= 7; length++)
        if (code[-(int)length] == 0xFF && indirect_call_length(code[1 - (int)length], code[2 - (int)length]) == length)
            return true;
    return false;
}

static bool is_behind_direct_call(const uint8_t *code) {
    return code[-5] == 0xE8;
}
#endif

/* Code without a description: generated at run time, or assembly. What looks like its frame may be anything, so the
 * caller has to be code behind a call. */
static bool is_behind_call(uintptr_t pc) {
    sp_object object;
    if (!sp_objects_find(pc - 1, &object) || pc - object.start < 7) return false;
    if (!sp_memory_is_readable(pc - 1) || !sp_memory_is_readable(pc - 7)) return false;
#if defined(__x86_64__)
    return is_behind_direct_call((const uint8_t *)pc) || is_behind_indirect_call((const uint8_t *)pc);
#elif defined(__aarch64__)
    if (pc % 4 != 0) return false;
    uint32_t instruction = ((const uint32_t *)pc)[-1];
    return instruction >> 26 == 0x25 || (instruction & 0xFFFFFC1F) == 0xD63F0000; /* bl, blr */
#endif
}

static bool is_outside_objects(uintptr_t pc) {
    sp_object object;
    return !sp_objects_find(pc, &object);
}

static __attribute__((noinline)) step_result step_by_frame_pointer(walk *at) {
    uintptr_t fp = at->frame.fp, pc, caller_fp;
    if (fp < at->frame.sp || fp % sizeof fp != 0) return STEP_FAILED;
    if (!sp_stack_memory_load(&at->stack, fp, &caller_fp)) return STEP_FAILED;
    if (!sp_stack_memory_load(&at->stack, fp + sizeof fp, &pc)) return STEP_FAILED;
    pc = sp_strip_signature(pc);
    bool generated = is_outside_objects(lookup_pc(at)) && is_outside_objects(pc) && caller_fp > fp;
    if (!generated && !is_behind_call(pc)) return STEP_FAILED;
    at->frame = (sp_frame){.pc = pc, .sp = fp + 2 * sizeof fp, .fp = caller_fp};
    at->registers = NULL;
    enter_caller(at, false);
    return STEP_CALLER;
}

/* ---- By whatever there is ---- */

static step_result step_slow(walk *at, sp_rule rule) {
    switch (sp_rule_kind_of(rule)) {
    case SP_RULE_END:
        return STEP_FIRST;
    case SP_RULE_NO_TABLE:
        return step_by_frame_pointer(at);
    default:
        return step_by_row(at);
    }
}

static inline step_result step(walk *at) {
    sp_rule rule = find_rule(lookup_pc(at));
    if (__builtin_expect(sp_rule_kind_of(rule) > SP_RULE_FP_LOAD || at->keep_all, 0)) return step_slow(at, rule);
    if (!sp_rule_step(rule, &at->frame, &at->stack)) return STEP_FAILED;
    at->registers = NULL;
    enter_caller(at, false);
    return STEP_CALLER;
}

/* Frames hold 48 bits of an address. What more there is on a torn stack is none. */
static bool is_code_address(uintptr_t pc) {
    return pc < (UINT64_C(1) << SPPROF_FRAME_TENANT_SHIFT) - 1;
}

/* A caller at address 0 is how a thread's first function that says nothing else was entered. */
static step_result walk_from(const sp_registers *registers, walk *at) {
    at->frame = (sp_frame){.pc = registers->value[SP_REGISTER_PC],
                           .sp = registers->value[SP_REGISTER_SP],
                           .fp = registers->value[SP_REGISTER_FP]};
    at->all = *registers;
    at->registers = &at->all;
    at->exact = true;
    at->out->begin = at->frame.sp;
    at->out->count = 0;
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
    walk at = {.out = out};
    step_result result = walk_from(registers, &at);
    if (result == STEP_RESTART) {
        count(&counters.restarted);
        at.keep_all = true;
        result = walk_from(registers, &at);
    }
    out->cut = result == STEP_CALLER;
    out->truncated = result == STEP_FAILED || result == STEP_RESTART;
    if (out->truncated) count(&counters.truncated);
}
