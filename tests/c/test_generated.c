/* Code that an interpreter generated. The walk leaves it through the call of the evaluation loop that runs it, because
 * that call's anchor is known. Any function can play the loop here, and the generated code has neither a table nor a
 * frame pointer.
 */
#include "generated.h"

#include "support.h"
#include "taken_stack.h"

#include <string.h>
#include <sys/mman.h>

#define PAGE 4096
#define LOOP 3 /* frames below the loop's: take_stack, its caller and the generated code */

static specimen_trace trace;
static sp_last_walks last;
static const uint8_t *code;
static uint64_t anchors[4];
static sp_last_frame loop;

static bool is_generated(uintptr_t pc) {
    return pc >= (uintptr_t)code && pc < (uintptr_t)code + PAGE;
}

static specimen_function *generate(void) {
    void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(page != MAP_FAILED);
    memcpy(page, specimen_frameless, (size_t)(specimen_frameless_end - specimen_frameless));
    assert_int_equal(mprotect(page, PAGE, PROT_READ | PROT_EXEC), 0);
    __builtin___clear_cache(page, (char *)page + PAGE);
    code = page;
    return (specimen_function *)(uintptr_t)page;
}

static specimen_function *plain(void) {
    return specimen_without_frame_pointer[SPECIMEN_plain];
}

static void prepare(void) {
    sp_unwind_prepare();
    sp_generated_ask(is_generated);
    taken.last = &last;
    taken.words = anchors;
}

static void learn_loop(void) {
    loop = last.walks[last.latest].frames[LOOP];
    sp_frame frame = {.pc = loop.address, .sp = loop.sp, .fp = loop.fp};
    anchors[1] = loop.sp + sizeof(uintptr_t);
    taken.word_count = 2;
    assert_true(sp_generated_learn(&frame, (uintptr_t)anchors[1]));
}

/* Run the script first without generated code, so that the loop's frame can be learned, then with it. Both runs
 * start at one call site, so that the loop's frame is the same. */
static void run_twice(specimen_function *of_loop, specimen_function *leaf) {
    specimen_function *generated = generate();
    for (int with_code = 0; with_code < 2; with_code++) {
        specimen_function *script[] = {plain(), of_loop, with_code ? generated : plain(), plain(), leaf};
        run_script(&trace, script);
        if (!with_code) learn_loop();
    }
}

static void check_left_out(specimen_function *of_loop) {
    anchors[0] = spprof_frame_interpreted(7, 7);
    prepare();
    run_twice(of_loop, take_stack);
    assert_false(taken.truncated);
    for (size_t i = 1; i <= 2; i++) assert_int_equal(taken.addresses[i], trace.returns[trace.depth - i]);
    assert_int_equal(taken.ends[2], loop.sp); /* the end of the function that the code called */
    assert_int_equal(taken.addresses[3], loop.address);
    assert_int_equal(taken.ends[3], trace.ends[1]);
    assert_int_equal(taken.addresses[4], trace.returns[1]);
    assert_int_equal(taken.addresses[5], trace.returns[0]);
}

TEST(test_generated_code_is_left_out_below_a_loop_that_keeps_its_stack_pointer) {
    check_left_out(plain());
}

TEST(test_generated_code_is_left_out_below_a_loop_that_keeps_a_frame_pointer) {
    check_left_out(specimen_with_frame_pointer[SPECIMEN_plain]);
}

/* ---- Interrupted in generated code ---- */

/* Build the state in which a signal finds generated code: somewhere below the loop's frame, with any frame pointer. */
static __attribute__((noinline)) void take_in_code(specimen_trace *at) {
    SPECIMEN_ENTER(at);
    sp_registers registers = {.known = 0};
    sp_registers_set(&registers, SP_REGISTER_PC, (uintptr_t)code + 1);
    sp_registers_set(&registers, SP_REGISTER_SP, loop.sp ? loop.sp - sizeof(uintptr_t) : (uintptr_t)&registers);
    sp_registers_set(&registers, SP_REGISTER_FP, 12345);
    take_from(&registers);
}

static __attribute__((noinline)) void learn_or_take_in_code(specimen_trace *at) {
    if (loop.sp)
        take_in_code(at);
    else
        take_stack(at);
}

TEST(test_generated_code_that_is_interrupted_is_left_out) {
    prepare();
    run_twice(specimen_with_frame_pointer[SPECIMEN_plain], learn_or_take_in_code);
    assert_false(taken.truncated);
    assert_int_equal(taken.begin, loop.sp);
    assert_int_equal(taken.addresses[0], loop.address);
    assert_int_equal(taken.addresses[1], trace.returns[1]);
}

/* ---- Conditions under which it cannot be left ---- */

static void check_truncates(void (*change_something)(void)) {
    specimen_function *generated = generate();
    prepare();
    for (int with_code = 0; with_code < 2; with_code++) {
        specimen_function *script[] = {plain(), plain(), with_code ? generated : plain(), plain(), take_stack};
        if (with_code) change_something();
        run_script(&trace, script);
        assert_int_equal(taken.truncated, with_code);
        if (!with_code) learn_loop();
    }
}

static void ask_nobody(void) {
    sp_generated_ask(NULL);
}

static bool is_never_generated(uintptr_t pc) {
    (void)pc;
    return false;
}

static void ask_in_vain(void) {
    sp_generated_ask(is_never_generated);
}

static void take_anchors_away(void) {
    taken.word_count = 0;
}

/* The wrong anchors: one below the generated code, one on another stack, and that of frames that belong to no call. */
static void leave_wrong_anchors(void) {
    anchors[0] = loop.sp - PAGE * 100;
    anchors[1] = UINT64_C(1) << 46;
    anchors[2] = 1;
    taken.word_count = 3;
}

TEST(test_code_that_nobody_generated_truncates) {
    check_truncates(ask_nobody);
}

TEST(test_code_that_another_generated_truncates) {
    check_truncates(ask_in_vain);
}

TEST(test_generated_code_without_an_anchor_truncates) {
    check_truncates(take_anchors_away);
}

TEST(test_generated_code_is_not_left_by_an_anchor_elsewhere) {
    check_truncates(leave_wrong_anchors);
}

/* ---- Loops that cannot be learned ---- */

TEST(test_a_loop_that_needs_other_registers_is_not_learned) {
    sp_unwind_prepare();
    sp_frame far = {.pc = (uintptr_t)plain() + 1, .sp = (uintptr_t)&far};
    assert_false(sp_generated_learn(&far, (uintptr_t)&far + (UINT64_C(1) << 21)));
    specimen_function *generated = generate();
    sp_frame without_table = {.pc = (uintptr_t)generated + 1, .sp = (uintptr_t)&far};
    assert_false(sp_generated_learn(&without_table, (uintptr_t)&far + 8));
    assert_false(sp_generated_has_learned());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_generated_code_is_left_out_below_a_loop_that_keeps_its_stack_pointer),
        cmocka_unit_test(test_generated_code_is_left_out_below_a_loop_that_keeps_a_frame_pointer),
        cmocka_unit_test(test_generated_code_that_is_interrupted_is_left_out),
        cmocka_unit_test(test_code_that_nobody_generated_truncates),
        cmocka_unit_test(test_code_that_another_generated_truncates),
        cmocka_unit_test(test_generated_code_without_an_anchor_truncates),
        cmocka_unit_test(test_generated_code_is_not_left_by_an_anchor_elsewhere),
        cmocka_unit_test(test_a_loop_that_needs_other_registers_is_not_learned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
