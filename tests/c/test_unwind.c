/* Stacks of every kind of frame, taken without frame pointers. */
#include "modules.h"
#include "objects.h"
#include "support.h"
#include "taken_stack.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

extern void _start(void);

static specimen_trace trace;
static specimen_function *script[SPECIMEN_DEPTH_MAX];
static uint64_t seed;

/* The ways of keeping frames that unwind tables describe. */
static specimen_function *const *const described[] = {
    specimen_without_frame_pointer,
    specimen_with_frame_pointer,
    specimen_unoptimized,
};
#define WAYS (sizeof described / sizeof *described)

static void run(size_t length) {
    script[length] = take_stack;
    run_script(&trace, script);
}

/* Run the functions in this order, then take_stack. */
#define RUN(...)                                                                                                       \
    (memcpy(script, ((specimen_function *[]){__VA_ARGS__}), sizeof((specimen_function *[]){__VA_ARGS__})),             \
     run(sizeof((specimen_function *[]){__VA_ARGS__}) / sizeof *script))

static specimen_function *plain(void) {
    return specimen_without_frame_pointer[SPECIMEN_plain];
}

/* Return a caller for code without tables. On aarch64 a frame pointer points at the low end of a frame, so only the
 * caller's own frame pointer shows where that frame begins. */
static specimen_function *framed(void) {
    return specimen_with_frame_pointer[SPECIMEN_plain];
}

static sp_unwind_counters counted_since(sp_unwind_counters before) {
    sp_unwind_counters now = sp_unwind_read_counters();
    return (sp_unwind_counters){now.misses - before.misses, now.evaluated - before.evaluated,
                                now.restarted - before.restarted, now.truncated - before.truncated};
}

/* ---- Frames of compilers ---- */

static void take_each_kind(void) {
    for (size_t way = 0; way < WAYS; way++) {
        for (size_t kind = 0; kind < SPECIMEN_KIND_COUNT; kind++) {
            for (trace.sum = 0; trace.sum < 1000; trace.sum += 37) {
                RUN(described[way][kind]);
                check_whole(&trace);
            }
        }
    }
}

TEST(test_every_kind_of_frame_is_unwound) {
    sp_unwind_prepare();
    take_each_kind();
}

static specimen_function *random_described(void) {
    if (random_below(&seed, 20) == 0) return specimen_by_saved_register;
    size_t kind = random_below(&seed, SPECIMEN_KIND_COUNT);
    if (kind == SPECIMEN_huge && random_below(&seed, 8)) kind = SPECIMEN_plain; /* the stack is limited */
    return described[random_below(&seed, WAYS)][kind];
}

static void take_random_stacks(int count) {
    for (int i = 0; i < count; i++) {
        size_t length = random_below(&seed, 40);
        for (size_t n = 0; n < length; n++) script[n] = random_described();
        trace.sum = random_below(&seed, 5000);
        run(length);
        check_whole(&trace);
    }
}

TEST(test_random_stacks_are_unwound) {
    sp_unwind_prepare();
    take_random_stacks(3000);
}

/* This uses the table of objects, as with glibc before 2.35. */
TEST(test_stacks_are_unwound_by_a_table_of_objects_too) {
    sp_unwind_prepare();
    sp_objects_prepare(false);
    assert_false(sp_objects_find_is_direct());
    take_each_kind();
    take_random_stacks(300);
}

TEST(test_a_frame_that_needs_every_register_starts_the_stack_again) {
    sp_unwind_prepare();
    RUN(plain(), specimen_by_saved_register, specimen_without_frame_pointer[SPECIMEN_saving]);
    sp_unwind_counters before = sp_unwind_read_counters();
    RUN(plain(), specimen_by_saved_register, specimen_without_frame_pointer[SPECIMEN_saving], plain());
    check_whole(&trace);
    assert_int_equal(counted_since(before).restarted, 1);
    before = sp_unwind_read_counters();
    RUN(plain());
    assert_int_equal(counted_since(before).restarted, 0);
}

/* Otherwise the walk would be recorded as halves of two walks. */
TEST(test_a_walk_that_started_again_is_not_followed) {
    static sp_last_walks last;
    sp_unwind_prepare();
    taken.last = &last;
    for (int i = 0; i < 3; i++) RUN(plain(), plain(), plain());
    assert_int_equal(last.walks[last.latest].count, taken.count);
    RUN(plain(), specimen_by_saved_register, plain());
    assert_int_equal(last.walks[last.latest].count, 0);
    RUN(plain(), specimen_by_saved_register, plain());
    check_whole(&trace);
}

#if defined(__x86_64__)
TEST(test_a_call_may_be_a_functions_last_instruction) {
    sp_unwind_prepare();
    RUN(plain(), specimen_call_last, plain());
    check_whole(&trace);
}
#endif

/* ---- Where stacks end ---- */

static bool lies_in(uintptr_t address, const char *library) {
    sp_object object;
    return sp_objects_find(address, &object) && strstr(object.path, library);
}

TEST(test_the_programs_stack_ends_in_its_first_function) {
    sp_unwind_prepare();
    RUN(plain());
    check_whole(&trace);
    assert_in_range(taken.addresses[taken.count - 1], (uintptr_t)&_start, (uintptr_t)&_start + 100);
}

static void take_in_thread(unsigned thread, void *argument) {
    (void)thread, (void)argument;
    take_random_stacks(20);
    CHECK(lies_in(taken.addresses[taken.count - 1], "libc.so") || lies_in(taken.addresses[taken.count - 1], "pthread"));
}

TEST(test_a_threads_stack_ends_where_it_was_started) {
    sp_unwind_prepare();
    run_threads(1, take_in_thread, NULL);
    run_threads(1, take_in_thread, NULL);
}

static void *take_one_stack(void *argument) {
    (void)argument;
    take_random_stacks(1);
    return NULL;
}

/* The memory behind the stack is unreadable. */
TEST(test_a_stack_that_the_program_provides_is_unwound_to_its_end) {
    const size_t bytes = 64 << 20;
    uint8_t *memory = mmap(NULL, bytes * 3, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_int_equal(mprotect(memory + bytes, bytes, PROT_READ | PROT_WRITE), 0);
    pthread_attr_t attributes;
    pthread_t thread;
    sp_unwind_prepare();
    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstack(&attributes, memory + bytes, bytes), 0);
    assert_int_equal(pthread_create(&thread, &attributes, take_one_stack, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(taken.ends[taken.count - 1] < (uintptr_t)memory + 2 * bytes);
}

TEST(test_a_deep_stack_is_limited_at_the_root) {
    sp_unwind_prepare();
    for (size_t length = TAKEN_MAX - 100; length <= 3 * TAKEN_MAX; length += TAKEN_MAX) {
        for (size_t i = 0; i < length; i++) script[i] = described[i % WAYS][SPECIMEN_plain];
        run(length);
        assert_int_equal(taken.depth_limited, length > TAKEN_MAX);
        assert_false(taken.truncated);
        if (!taken.depth_limited) check_whole(&trace);
        for (size_t i = 1; taken.depth_limited && i < TAKEN_MAX; i++) {
            assert_int_equal(taken.addresses[i], trace.returns[trace.depth - i]);
            assert_int_equal(taken.ends[i - 1], trace.ends[trace.depth - i]);
        }
        if (taken.depth_limited) assert_int_equal(taken.ends[TAKEN_MAX - 1], trace.ends[trace.depth - TAKEN_MAX]);
    }
}

TEST(test_a_stack_fits_to_the_last_frame) {
    sp_unwind_prepare();
    RUN(plain());
    size_t whole = taken.count;
    for (taken.capacity = 0; taken.capacity <= whole + 1; taken.capacity++) {
        RUN(plain());
        assert_int_equal(taken.count, taken.capacity < whole ? taken.capacity : whole);
        assert_int_equal(taken.depth_limited, taken.capacity < whole);
        assert_false(taken.truncated);
    }
}

/* ---- Code without tables ---- */

/* Without a table, nothing shows how much of a frame (arguments, arrays) is below aarch64's frame pointer. */
static bool begins_at_frame_pointer(size_t kind) {
#if defined(__x86_64__)
    (void)kind;
    return true;
#elif defined(__aarch64__)
    return kind != SPECIMEN_arguments && kind != SPECIMEN_variable;
#endif
}

TEST(test_code_without_tables_is_left_by_its_frame_pointer) {
    sp_unwind_prepare();
    for (size_t kind = 0; kind <= SPECIMEN_large; kind++) {
        specimen_function *hidden = specimen_only_frame_pointer[kind];
        if (!begins_at_frame_pointer(kind)) continue;
        RUN(framed(), hidden, specimen_with_frame_pointer[SPECIMEN_saving], hidden, hidden, plain());
        check_whole(&trace);
    }
}

/* Check the stack up to and including the frame from which the walk cannot continue. */
static void check_truncated(size_t kept) {
    CHECK(taken.truncated && !taken.depth_limited);
    CHECK(taken.count == kept + 1);
    for (size_t i = 0; i < kept; i++) CHECK(taken.addresses[1 + i] == trace.returns[trace.depth - 1 - i]);
    CHECK(taken.ends[kept] == taken.ends[kept - 1]); /* the last frame is empty */
}

TEST(test_code_without_tables_or_frame_pointers_truncates) {
    sp_unwind_prepare();
    for (size_t kind = 0; kind < SPECIMEN_variable; kind++) {
        bool two = kind == SPECIMEN_arguments; /* a specimen of this kind consists of two functions */
        sp_unwind_counters before = sp_unwind_read_counters();
        RUN(plain(), specimen_without_any_frame_pointer, specimen_nothing[kind], plain());
        check_truncated(2);
        assert_int_equal(trace.depth, 6 + two);
        assert_int_equal(counted_since(before).truncated, 1);
    }
}

#if defined(__x86_64__)
TEST(test_a_frame_pointers_caller_is_known_by_every_form_of_call) {
    sp_unwind_prepare();
#define X(form)                                                                                                        \
    RUN(plain(), specimen_call_##form, specimen_only_frame_pointer[SPECIMEN_plain], plain());                          \
    check_whole(&trace);
    SPECIMEN_CALLS(X)
#undef X
}

#endif

/* ---- Code generated at run time ---- */

#define PAGE 4096

static specimen_function *generate(const uint8_t *code, const uint8_t *end) {
    void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(page != MAP_FAILED);
    memcpy(page, code, (size_t)(end - code));
    assert_int_equal(mprotect(page, PAGE, PROT_READ | PROT_EXEC), 0);
    __builtin___clear_cache(page, (char *)page + PAGE);
    return (specimen_function *)(uintptr_t)page;
}

TEST(test_generated_code_is_left_by_its_frame_pointer) {
    specimen_function *one = generate(specimen_framed, specimen_framed_end);
    specimen_function *other = generate(specimen_framed, specimen_framed_end);
    sp_unwind_prepare();
    RUN(framed(), one, plain());
    check_whole(&trace);
    RUN(one, specimen_with_frame_pointer[SPECIMEN_saving], other, specimen_without_frame_pointer[SPECIMEN_huge]);
    check_whole(&trace);
}

static specimen_function *generated[4];
static size_t generated_left;

/* Generated code calls this before it continues, to make it call other generated code. */
static void note_and_lead_on(specimen_trace *at, uintptr_t returns, uintptr_t end) {
    specimen_note(at, returns, end);
    at->go_on = generated_left > 0 ? generated[--generated_left] : specimen_go_on;
}

TEST(test_generated_code_may_call_generated_code) {
    for (size_t i = 0; i < 4; i++) generated[i] = generate(specimen_framed, specimen_framed_end);
    sp_unwind_prepare();
    trace.note = note_and_lead_on;
    generated_left = 3;
    RUN(framed(), generated[3], plain());
    check_whole(&trace);
    assert_int_equal(trace.depth, 8); /* plain, four, specimen_go_on, plain, take_stack */
}

TEST(test_generated_code_without_a_frame_pointer_truncates) {
    specimen_function *code = generate(specimen_frameless, specimen_frameless_end);
    sp_unwind_prepare();
    RUN(framed(), code, plain());
    check_truncated(3);
}

/* Return the number of frames that are found from generated code with this stack pointer and frame pointer. */
static size_t frames_from(const uintptr_t *sp, uintptr_t fp) {
    sp_registers registers = {.known = 0};
    if (!generated[0]) generated[0] = generate(specimen_framed, specimen_framed_end);
    sp_registers_set(&registers, SP_REGISTER_PC, (uintptr_t)generated[0]);
    sp_registers_set(&registers, SP_REGISTER_SP, (uintptr_t)sp);
    sp_registers_set(&registers, SP_REGISTER_FP, fp);
    take_from(&registers);
    assert_true(taken.truncated);
    return taken.count;
}

/* Return whether this word, at the address that a frame pointer names, is accepted as a return address. */
static bool is_taken_for_return(uintptr_t word) {
    const uintptr_t stack[] = {0, 0, 0, word, 0, 0};
    return frames_from(stack, (uintptr_t)&stack[2]) == 2;
}

TEST(test_a_frame_pointer_that_is_none_truncates) {
    sp_unwind_prepare();
    RUN(plain());
    const uintptr_t stack[] = {0, taken.addresses[1], 0, 0, taken.addresses[1], 0, taken.addresses[1]};
    assert_true(frames_from(stack + 3, (uintptr_t)(stack + 3)) > 1);
    assert_true(frames_from(stack + 3, (uintptr_t)(stack + 5)) > 1);
    assert_int_equal(frames_from(stack + 3, (uintptr_t)stack), 1); /* below the stack pointer */
    const uintptr_t wrong[] = {0, (uintptr_t)(stack + 3) + 1, (uintptr_t)&trace, UINTPTR_MAX - 7, 8};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_int_equal(frames_from(stack + 3, wrong[i]), 1);
}

/* The bytes before a return address, including the last one. */
typedef struct code_before {
    _Alignas(8) uint8_t code[8];
    bool is_call;
} code_before;

static const code_before before_returns[] __attribute__((aligned(16))) = {
#if defined(__x86_64__)
    {{0, 0, 0, 0xE8, 1, 2, 3, 4}, true},        /* call near */
    {{0, 0, 0, 0, 0, 0, 0xFF, 0xD0}, true},     /* call *%rax */
    {{0, 0, 0, 0, 0, 0, 0xFF, 0x13}, true},     /* call *(%rbx) */
    {{0, 0, 0, 0, 0, 0xFF, 0x50, 8}, true},     /* call *8(%rax) */
    {{0, 0, 0, 0, 0, 0xFF, 0x14, 0x24}, true},  /* call *(%rsp) */
    {{0, 0, 0, 0, 0xFF, 0x54, 0x24, 8}, true},  /* call *8(%rsp) */
    {{0, 0, 0xFF, 0x15, 1, 2, 3, 4}, true},     /* call *…(%rip) */
    {{0, 0, 0xFF, 0x90, 1, 2, 3, 4}, true},     /* call *…(%rax) */
    {{0, 0xFF, 0x94, 0x98, 1, 2, 3, 4}, true},  /* call *…(%rax, %rbx, 4) */
    {{0, 0xFF, 0x14, 0xC5, 1, 2, 3, 4}, true},  /* call *…(, %rax, 8) */
    {{0, 0, 0, 0xE9, 1, 2, 3, 4}, false},       /* jmp */
    {{0, 0, 0, 0, 0, 0, 0xFF, 0xE0}, false},    /* jmp *%rax */
    {{0, 0, 0, 0, 0, 0, 0xFF, 0x33}, false},    /* push (%rbx) */
    {{0, 0, 0, 0, 0, 0, 0xFF, 0xC0}, false},    /* inc %eax */
    {{0, 0, 0, 0, 0, 0xFF, 0xD0, 0x90}, false}, /* one instruction too far */
    {{0, 0, 0, 0, 0, 0, 0xFF, 0x15}, false},    /* in the middle of an instruction */
    {{0, 0, 0, 0, 0, 0, 0xFF, 0x50}, false},    {{0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90}, false},
#elif defined(__aarch64__)
    {{0, 0, 0, 0, 0x01, 0, 0, 0x94}, true},        /* bl */
    {{0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0x97}, true},  /* bl, backward */
    {{0, 0, 0, 0, 0x60, 0x02, 0x3F, 0xD6}, true},  /* blr x19 */
    {{0, 0, 0, 0, 0x01, 0, 0, 0x14}, false},       /* b */
    {{0, 0, 0, 0, 0x60, 0x02, 0x1F, 0xD6}, false}, /* br x19 */
    {{0, 0, 0, 0, 0xC0, 0x03, 0x5F, 0xD6}, false}, /* ret */
    {{0, 0, 0x01, 0, 0, 0x94, 0, 0}, false},
#endif
};

TEST(test_a_return_address_stands_behind_a_call) {
    sp_unwind_prepare();
    for (size_t i = 0; i < sizeof before_returns / sizeof *before_returns; i++) {
        const code_before *before = &before_returns[i];
        assert_int_equal(is_taken_for_return((uintptr_t)before->code + sizeof before->code), before->is_call);
    }
    const uintptr_t wrong[] = {0, 1, 6, 7, 8, UINTPTR_MAX, (uintptr_t)1 << 47, (uintptr_t)generated[0]};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_false(is_taken_for_return(wrong[i]));
}

/* ---- Hostile addresses ---- */

/* A frame's word has 48 bits for the address; the highest bit marks a frame that is not native. */
TEST(test_an_address_of_more_than_48_bits_is_no_frame) {
    static const uintptr_t wrong[] = {UINT64_C(1) << 63, UINT64_C(1) << 48, UINTPTR_MAX, UINTPTR_MAX - 1,
                                      (UINT64_C(1) << 48) - 1};
    sp_unwind_prepare();
    RUN(plain());
    uintptr_t known = taken.addresses[1];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        sp_registers registers = {.known = 0};
        sp_registers_set(&registers, SP_REGISTER_PC, wrong[i]);
        sp_registers_set(&registers, SP_REGISTER_SP, (uintptr_t)&registers);
        take_from(&registers);
        assert_int_equal(taken.count, 0);
        assert_true(taken.truncated);
        sp_registers_set(&registers, SP_REGISTER_PC, known | wrong[i]); /* its low bits are in the cache */
        take_from(&registers);
        assert_int_equal(taken.count, 0);
    }
}

/* ---- Counters and caches ---- */

static sp_unwind_counters count_second_run(specimen_function *function) {
    sp_unwind_counters before = {0};
    for (volatile int i = 0; i < 2; i++) { /* twice from one call site, because the loop is not unrolled */
        before = sp_unwind_read_counters();
        RUN(function);
    }
    return counted_since(before);
}

static size_t count_distinct(void) {
    size_t count = 0;
    for (size_t i = 0; i < taken.count; i++) {
        size_t first = 0;
        while (taken.addresses[first] != taken.addresses[i]) first++;
        count += first == i;
    }
    return count;
}

TEST(test_every_address_is_looked_up_once) {
    sp_unwind_prepare();
    RUN(plain()); /* the first run's own call path differs */
    for (size_t kind = 0; kind < SPECIMEN_KIND_COUNT; kind++) {
        sp_unwind_counters counted = count_second_run(described[0][kind]);
        assert_int_equal(counted.misses + counted.restarted + counted.truncated, 0);
    }
    sp_unwind_forget();
    sp_unwind_counters before = sp_unwind_read_counters();
    RUN(plain());
    assert_int_equal(counted_since(before).misses, count_distinct());
}

#if defined(__x86_64__)
#define SPECIMEN_HUGE_FROM SPECIMEN_huge
#elif defined(__aarch64__)
#define SPECIMEN_HUGE_FROM SPECIMEN_large /* more than 64 KiB */
#endif

TEST(test_usual_frames_fit_into_rules_and_huge_ones_are_evaluated) {
    sp_unwind_prepare();
    for (size_t kind = 0; kind < SPECIMEN_realigned_variable; kind++) {
        bool fits = kind < SPECIMEN_HUGE_FROM || kind > SPECIMEN_huge;
        assert_int_equal(count_second_run(described[0][kind]).evaluated, !fits);
    }
}

TEST(test_objects_in_which_frames_were_met_are_known) {
    sp_unwind_prepare();
    RUN(plain());
    bool program = false, libc = false;
    spprof_module module;
    for (uint32_t i = 0; sp_modules_get(i, &module); i++) {
        assert_int_equal(module.path[0], '/');
        if ((uintptr_t)&run_script >= module.start && (uintptr_t)&run_script < module.end) program = true;
        if (strstr(module.path, "libc.so")) libc = true;
    }
    assert_true(program && libc);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_of_frame_is_unwound),
        cmocka_unit_test(test_random_stacks_are_unwound),
        cmocka_unit_test(test_stacks_are_unwound_by_a_table_of_objects_too),
        cmocka_unit_test(test_a_frame_that_needs_every_register_starts_the_stack_again),
        cmocka_unit_test(test_a_walk_that_started_again_is_not_followed),
        cmocka_unit_test(test_the_programs_stack_ends_in_its_first_function),
        cmocka_unit_test(test_a_threads_stack_ends_where_it_was_started),
        cmocka_unit_test(test_a_stack_that_the_program_provides_is_unwound_to_its_end),
        cmocka_unit_test(test_a_deep_stack_is_limited_at_the_root),
        cmocka_unit_test(test_a_stack_fits_to_the_last_frame),
        cmocka_unit_test(test_code_without_tables_is_left_by_its_frame_pointer),
        cmocka_unit_test(test_code_without_tables_or_frame_pointers_truncates),
        cmocka_unit_test(test_generated_code_is_left_by_its_frame_pointer),
        cmocka_unit_test(test_generated_code_may_call_generated_code),
        cmocka_unit_test(test_generated_code_without_a_frame_pointer_truncates),
        cmocka_unit_test(test_a_frame_pointer_that_is_none_truncates),
        cmocka_unit_test(test_a_return_address_stands_behind_a_call),
        cmocka_unit_test(test_an_address_of_more_than_48_bits_is_no_frame),
        cmocka_unit_test(test_every_address_is_looked_up_once),
        cmocka_unit_test(test_usual_frames_fit_into_rules_and_huge_ones_are_evaluated),
        cmocka_unit_test(test_objects_in_which_frames_were_met_are_known),
#if defined(__x86_64__)
        cmocka_unit_test(test_a_call_may_be_a_functions_last_instruction),
        cmocka_unit_test(test_a_frame_pointers_caller_is_known_by_every_form_of_call),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
