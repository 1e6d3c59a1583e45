#include "capture.h"

#include "generated.h"
#include "merge.h"
#include "modules.h"
#include "objects.h"
#include "profiler.h"
#include "scratch.h"
#include "testing.h"
#include "unwind.h"

#include <stdatomic.h>

/* ---- Frames that are left out ---- */

typedef struct range {
    _Atomic uintptr_t start, end;
} range;

static range engine, extension; /* `extension`: the object that provides the walker */
static range allocator;         /* the object that reports to our hooks; empty: they replace its functions */
static _Atomic uintptr_t reporting_function; /* in that object, or 0 */
static range passage;                        /* sp_capture_let_through's function, in the engine */

static void set_range(range *range, uintptr_t start, uintptr_t end) {
    atomic_store_explicit(&range->start, start, memory_order_relaxed);
    atomic_store_explicit(&range->end, end, memory_order_relaxed);
}

static void learn_range(range *range, uintptr_t address) {
    sp_object object;
    if (address != 0 && sp_objects_find(address, &object)) set_range(range, object.start, object.end);
}

static bool is_within(const range *range, uintptr_t address) {
    return address >= atomic_load_explicit(&range->start, memory_order_relaxed) &&
           address < atomic_load_explicit(&range->end, memory_order_relaxed);
}

static bool is_own(uintptr_t address) {
    bool ours = is_within(&engine, address) || is_within(&extension, address);
    return ours && !is_within(&passage, address - 1);
}

static bool is_own_or_allocators(uintptr_t address) {
    return is_own(address) || is_within(&allocator, address);
}

static sp_is_own *left_out(void) {
    bool is_empty = atomic_load_explicit(&allocator.end, memory_order_relaxed) == 0;
    return is_empty ? is_own : is_own_or_allocators;
}

void sp_capture_let_through(uintptr_t function) {
    uintptr_t start, end;
    if (!is_within(&passage, function) && sp_unwind_find_function(function, &start, &end))
        set_range(&passage, start, end);
}

void sp_capture_prepare(void) {
    sp_unwind_prepare();
    learn_range(&engine, (uintptr_t)&sp_capture_prepare);
    learn_range(&extension, (uintptr_t)atomic_load(&sp_the_profiler.walker));
    learn_range(&allocator, atomic_load(&reporting_function));
}

void sp_capture_leave_out_allocator(uintptr_t function) {
    atomic_store(&reporting_function, function);
}

/* ---- Evaluation code ---- */

static spprof_code_range evaluation_code[SPPROF_CODE_RANGES_MAX];
static _Atomic size_t evaluation_count;

void spprof_set_evaluation_code(const spprof_code_range *ranges, size_t count) {
    if (count > SPPROF_CODE_RANGES_MAX) count = SPPROF_CODE_RANGES_MAX;
    atomic_store_explicit(&evaluation_count, 0, memory_order_release);
    for (size_t i = 0; i < count; i++) evaluation_code[i] = ranges[i];
    atomic_store_explicit(&evaluation_count, count, memory_order_release);
}

/* ---- One stack ---- */

static sp_native_stack empty_stack(sp_scratch *scratch, size_t word_count) {
    return (sp_native_stack){.addresses = scratch->addresses,
                             .ends = scratch->ends,
                             .capacity = SPPROF_STACK_FRAMES_MAX,
                             .last = &scratch->last,
                             .words = scratch->words,
                             .word_count = word_count};
}

/* This is a separate function so that its frame comes first. */
static __attribute__((noinline)) void unwind_into(sp_scratch *scratch, size_t word_count, sp_native_stack *native) {
    sp_registers registers;
    sp_registers_capture(&registers);
    *native = empty_stack(scratch, word_count);
    sp_unwind(&registers, native);
}

/* Return what a walker wrote. `count`: the number of words, never SPPROF_WALK_TORN. */
static sp_interpreter_stack interpreter_words(sp_scratch *scratch, size_t count) {
    if (count == SIZE_MAX) {
        scratch->words[0] = spprof_frame_interpreted(SPPROF_CODE_CODES_FULL, 0);
        count = 1;
    }
    return (sp_interpreter_stack){.words = scratch->words,
                                  .count = count,
                                  .code = evaluation_code,
                                  .code_count = atomic_load_explicit(&evaluation_count, memory_order_acquire)};
}

static sp_stack_record *intern_merged(sp_scratch *scratch, const sp_native_stack *native,
                                      const sp_interpreter_stack *interpreter, sp_is_own *is_left_out,
                                      bool depth_limited) {
    sp_merged_stack merged = {.frames = scratch->merged, .capacity = SPPROF_STACK_FRAMES_MAX};
    sp_merge(native, interpreter, is_left_out, &merged);
    sp_stack_key key = {.frames = merged.frames,
                        .count = (uint32_t)merged.count,
                        .depth_limited = depth_limited || native->depth_limited || merged.depth_limited,
                        .truncated = native->truncated && !merged.whole};
    return sp_stack_table_intern(&sp_the_profiler.stacks, &key);
}

static sp_stack_record *capture_into(sp_scratch *scratch) {
    sp_native_stack native;
    bool depth_limited = false;
    spprof_walker *walker = atomic_load_explicit(&sp_the_profiler.walker, memory_order_acquire);
    size_t count = walker ? walker(scratch->words, SP_SCRATCH_WORDS, &depth_limited) : 0;
    sp_interpreter_stack interpreter = interpreter_words(scratch, count);
    unwind_into(scratch, interpreter.count, &native);
    return intern_merged(scratch, &native, &interpreter, left_out(), depth_limited);
}

sp_stack_record *sp_capture_stack(void) {
    sp_scratch *scratch = sp_scratch_take();
    if (!scratch) return sp_stack_table_full(&sp_the_profiler.stacks);
    sp_stack_record *record = capture_into(scratch);
    sp_scratch_give(scratch);
    return record;
}

/* The stack is unwound twice; the second walk matches the first (last_walk.h). */
static sp_stack_record *capture_any_into(sp_scratch *scratch) {
    sp_native_stack native;
    unwind_into(scratch, 0, &native);
    if (!native.interrupted) return capture_into(scratch);
    sp_interpreter_stack none = interpreter_words(scratch, 0);
    return intern_merged(scratch, &native, &none, left_out(), false);
}

sp_stack_record *sp_capture_stack_of_any(void) {
    sp_scratch *scratch = sp_scratch_take();
    if (!scratch) return sp_stack_table_full(&sp_the_profiler.stacks);
    sp_stack_record *record = capture_any_into(scratch);
    sp_scratch_give(scratch);
    return record;
}

static bool is_never_own(uintptr_t address) {
    (void)address;
    return false;
}

static sp_stack_record *capture_interrupted_into(sp_scratch *scratch, const sp_interrupted *interrupted,
                                                 const sp_registers *registers) {
    spprof_interrupted at = {.sp = interrupted->sp, .context = interrupted->context};
    sp_native_stack native = empty_stack(scratch, 0);
    bool depth_limited = false;
    spprof_tick_walker *walker = atomic_load_explicit(&sp_the_profiler.tick_walker, memory_order_acquire);
    size_t count = walker ? walker(&at, scratch->words, SP_SCRATCH_WORDS, &depth_limited) : 0;
    if (count == SPPROF_WALK_TORN) return NULL;
    sp_interpreter_stack interpreter = interpreter_words(scratch, count);
    native.word_count = interpreter.count;
    if (registers) sp_unwind(registers, &native);
    return intern_merged(scratch, &native, &interpreter, is_never_own, depth_limited);
}

sp_stack_record *sp_capture_interrupted(const sp_interrupted *interrupted, const sp_registers *registers) {
    sp_scratch *scratch = sp_scratch_take();
    if (!scratch) return sp_stack_table_full(&sp_the_profiler.stacks);
    sp_stack_record *record = capture_interrupted_into(scratch, interrupted, registers);
    sp_scratch_give(scratch);
    return record;
}

/* ---- Code that the interpreter generates ---- */

/* Record which frame contains an anchor, and where that frame's registers point. */
static bool learn_from_frame(const sp_native_stack *native, size_t i, const sp_last_frame *frame) {
    uintptr_t begin = i > 0 ? native->ends[i - 1] : native->begin;
    sp_frame held = {.pc = frame->address, .sp = frame->sp, .fp = frame->fp};
    for (size_t word = 0; word < native->word_count; word++)
        if (native->words[word] >= begin && native->words[word] < native->ends[i])
            return sp_generated_learn(&held, (uintptr_t)native->words[word]);
    return false;
}

static void learn_evaluation_into(sp_scratch *scratch, spprof_walker *walker) {
    bool depth_limited = false;
    sp_native_stack native;
    size_t count = walker(scratch->words, SP_SCRATCH_WORDS, &depth_limited);
    unwind_into(scratch, interpreter_words(scratch, count).count, &native);
    const sp_last_walk *walk = &scratch->last.walks[scratch->last.latest];
    for (size_t i = 0; i < walk->count && i < native.count; i++)
        if (learn_from_frame(&native, i, &walk->frames[i])) return;
}

static void learn_evaluation(void) {
    spprof_walker *walker = atomic_load_explicit(&sp_the_profiler.walker, memory_order_acquire);
    sp_scratch *scratch = walker ? sp_scratch_take() : NULL;
    if (!scratch) return;
    learn_evaluation_into(scratch, walker);
    sp_scratch_give(scratch);
}

void sp_capture_leave_out(spprof_generated_code *is_generated) {
    sp_generated_ask(is_generated);
    if (is_generated && !sp_generated_has_learned()) learn_evaluation();
}

/* ---- For the walkers ---- */

size_t spprof_interrupted_words(const spprof_interrupted *at, uintptr_t *words) {
    _Static_assert(SP_TICK_WORDS_MAX <= SPPROF_INTERRUPTED_WORDS_MAX, "there is room");
    return sp_tick_words(&(sp_interrupted){.sp = at->sp, .context = at->context}, words);
}

static size_t copy_native(const sp_native_stack *native, uintptr_t *addresses, size_t capacity) {
    size_t own = 0, count = 0;
    while (own < native->count && is_within(&engine, native->addresses[own])) own++;
    for (size_t i = own; i < native->count && count < capacity; i++) addresses[count++] = native->addresses[i];
    return count;
}

size_t spprof_native_stack(uintptr_t *addresses, size_t capacity, bool *truncated) {
    sp_scratch *scratch = sp_scratch_take();
    *truncated = true;
    if (!scratch) return 0;
    sp_native_stack native;
    unwind_into(scratch, 0, &native);
    size_t count = copy_native(&native, addresses, capacity);
    *truncated = native.truncated;
    sp_scratch_give(scratch);
    return count;
}

bool spprof_module_get(uint32_t index, spprof_module *module) {
    return sp_modules_get(index, module);
}

/* Unloading through dlclose is noticed immediately (sp_capture_forget_unloaded); unloading of libc's own plug-ins is
 * not. */
static _Atomic uint64_t seen_unloaded;

void sp_capture_forget_unloaded(void) {
    uint64_t unloaded = sp_objects_unloaded();
    if (atomic_exchange(&seen_unloaded, unloaded) == unloaded) return;
    sp_objects_refresh(); /* first: what is forgotten may be looked up again immediately */
    sp_unwind_forget();
}

void sp_capture_refresh_objects(void) {
    sp_objects_refresh();
    sp_capture_forget_unloaded();
}
