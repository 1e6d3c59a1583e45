/* Stacks that signals interrupt, taken in two ways: from inside the handler, through the signal's frame, and from the
 * interrupted registers.
 *
 *   taken in a handler:  [ take_stack | handler | the signal's frame | interrupted | … ]
 */
#include "support.h"
#include "taken_stack.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>

static specimen_trace trace;
static specimen_function *script[16];

static specimen_function *plain(void) {
    return specimen_without_frame_pointer[SPECIMEN_plain];
}

typedef void handler(int number, siginfo_t *info, void *context);

static void handle(int number, handler *handler, int flags) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
    CHECK(sigaction(number, &action, NULL) == 0);
}

#define STACK_BYTES ((size_t)1 << 21)

/* Map a stack between unreadable pages. */
static uint8_t *map_stack(void) {
    uint8_t *memory = mmap(NULL, 3 * STACK_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(mprotect(memory + STACK_BYTES, STACK_BYTES, PROT_READ | PROT_WRITE) == 0);
    return memory + STACK_BYTES;
}

static void provide_alternate_stack(uint8_t *stack) {
    CHECK(sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = STACK_BYTES}, NULL) == 0);
}

/* ---- Signals that the program raises ---- */

static unsigned handled;

/* The frames between the handler and `raise_signal` are libc's. The test checks only that the walk passes through
 * them. */
static void check_passes_signal(size_t entered_before) {
    CHECK(!taken.truncated && !taken.depth_limited);
    CHECK(taken.addresses[1] == trace.returns[trace.depth - 1] && taken.addresses[2] == trace.returns[trace.depth - 2]);
    size_t from = 3;
    while (from < taken.count && taken.addresses[from] != trace.returns[entered_before - 1]) from++;
    trace.depth = entered_before;
    check_traced(&trace, from);
}

static void take_in_handler(int number, siginfo_t *info, void *context) {
    size_t entered_before = trace.depth;
    (void)number, (void)info, (void)context;
    SPECIMEN_ENTER(&trace);
    take_stack(&trace);
    check_passes_signal(entered_before);
    handled++;
}

static void raise_signal(specimen_trace *at) {
    SPECIMEN_ENTER(at);
    raise(SIGUSR1);
}

static void interrupt_each_kind(void) {
    handled = 0;
    for (size_t kind = 0; kind < SPECIMEN_KIND_COUNT; kind++) {
        script[0] = plain();
        script[1] = specimen_without_frame_pointer[kind];
        script[2] = specimen_by_saved_register;
        script[3] = raise_signal;
        run_script(&trace, script);
    }
    assert_int_equal(handled, SPECIMEN_KIND_COUNT);
}

TEST(test_a_stack_goes_on_through_a_signal) {
    sp_unwind_prepare();
    handle(SIGUSR1, take_in_handler, 0);
    interrupt_each_kind();
}

TEST(test_a_stack_goes_on_from_an_alternate_stack) {
    sp_unwind_prepare();
    provide_alternate_stack(map_stack());
    handle(SIGUSR1, take_in_handler, SA_ONSTACK);
    interrupt_each_kind();
}

static void *interrupt_in_thread(void *alternate_stack) {
    provide_alternate_stack(alternate_stack);
    interrupt_each_kind();
    return NULL;
}

static void interrupt_between(uint8_t *stack, uint8_t *alternate_stack) {
    pthread_attr_t attributes;
    pthread_t thread;
    CHECK(pthread_attr_init(&attributes) == 0);
    CHECK(pthread_attr_setstack(&attributes, stack, STACK_BYTES) == 0);
    CHECK(pthread_create(&thread, &attributes, interrupt_in_thread, alternate_stack) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

TEST(test_an_alternate_stack_may_lie_on_either_side) {
    uint8_t *one = map_stack(), *other = map_stack();
    sp_unwind_prepare();
    handle(SIGUSR1, take_in_handler, SA_ONSTACK);
    interrupt_between(one, other);
    interrupt_between(other, one);
}

/* A handler is itself interrupted. */
static void raise_another(int number, siginfo_t *info, void *context) {
    (void)number, (void)info, (void)context;
    raise(SIGUSR1);
}

static void raise_two(specimen_trace *at) {
    SPECIMEN_ENTER(at);
    raise(SIGUSR2);
}

TEST(test_a_stack_goes_on_through_two_signals) {
    sp_unwind_prepare();
    provide_alternate_stack(map_stack());
    handle(SIGUSR2, raise_another, 0);
    handle(SIGUSR1, take_in_handler, SA_ONSTACK);
    script[0] = plain();
    script[1] = raise_two;
    run_script(&trace, script);
    assert_int_equal(handled, 1);
}

#if defined(__x86_64__)

static sp_registers registers_of(const ucontext_t *context) {
    static const int order[SP_REGISTER_COUNT] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
                                                 REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                                 REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
    sp_registers registers = {.known = 0};
    for (unsigned i = 0; i < SP_REGISTER_COUNT; i++)
        sp_registers_set(&registers, i, (uintptr_t)context->uc_mcontext.gregs[order[i]]);
    return registers;
}

/* ---- Traps at chosen instructions ---- */

/* The trapped function does not record itself in the trace. */
static void enter_trapped(const ucontext_t *context) {
    uintptr_t pc = (uintptr_t)context->uc_mcontext.gregs[REG_RIP], sp = (uintptr_t)context->uc_mcontext.gregs[REG_RSP];
    bool is_pushed = pc == (uintptr_t)specimen_trap_plt + 11;
    const uintptr_t *returns = (const uintptr_t *)sp + is_pushed;
    CHECK(*(const uint8_t *)pc == 0xF4);
    specimen_enter(&trace, *returns, (uintptr_t)(returns + 1));
    specimen_enter(&trace, pc + 1, sp);
}

static void handle_trap(int number, siginfo_t *info, void *untyped) {
    (void)number, (void)info;
    ucontext_t *context = untyped;
    size_t before = trace.depth;
    enter_trapped(context);
    sp_registers registers = registers_of(context);
    take_from(&registers);
    CHECK(!taken.truncated);
    check_traced(&trace, 0);
    SPECIMEN_ENTER(&trace);
    take_stack(&trace);
    CHECK(!taken.truncated);
    check_traced(&trace, 1);
    trace.depth = before;
    context->uc_mcontext.gregs[REG_RIP]++;
    handled++;
}

static void trap_everywhere(void) {
    specimen_function *const traps[] = {specimen_trap_first, specimen_trap_last, specimen_trap_plt};
    script[1] = plain();
    for (size_t i = 0; i < 3; i++) {
        for (size_t kind = 0; kind < SPECIMEN_KIND_COUNT; kind++) {
            script[0] = specimen_without_frame_pointer[kind];
            script[2] = traps[i];
            run_script(&trace, script);
        }
    }
    assert_int_equal(handled, 4 * SPECIMEN_KIND_COUNT);
}

TEST(test_an_interrupted_instruction_is_looked_up_exactly) {
    sp_unwind_prepare();
    handle(SIGSEGV, handle_trap, SA_NODEFER);
    trap_everywhere();
}

TEST(test_an_interrupted_instruction_is_looked_up_exactly_from_an_alternate_stack) {
    sp_unwind_prepare();
    provide_alternate_stack(map_stack());
    handle(SIGSEGV, handle_trap, SA_NODEFER | SA_ONSTACK);
    trap_everywhere();
}

/* ---- Every instruction of many functions ----
 *
 * The processor stops after each instruction. Calls and returns are followed by decoding the instructions, which
 * gives the stack that the unwinder must find at every point: in the middle of prologues, in linkage tables, in the
 * loader, and in the vDSO. */

#define STEP_FLAG 0x100
#define CALLS_MAX 256

static struct {
    uintptr_t returns[CALLS_MAX], sp[CALLS_MAX]; /* return addresses, and the stack pointers after returning */
    size_t depth;
    uintptr_t last_pc, base[TAKEN_MAX]; /* `base`: return addresses of the callers of step_through, leaf first */
    size_t base_count;
    bool going;
    uint64_t steps, deepest;
    sp_last_walks last;
} stepping;

static const uint8_t *skip_prefixes(const uint8_t *code) {
    while (*code == 0x66 || *code == 0xF2 || *code == 0xF3 || *code == 0x2E || *code == 0x3E) code++;
    return (*code & 0xF0) == 0x40 ? code + 1 : code;
}

static bool is_call(const uint8_t *code) {
    return code[0] == 0xE8 || (code[0] == 0xFF && (code[1] >> 3 & 7) == 2);
}

static bool is_return(const uint8_t *code) {
    return code[0] == 0xC3 || code[0] == 0xC2;
}

static void follow_instruction(uintptr_t pc, uintptr_t sp) {
    const uint8_t *code = skip_prefixes((const uint8_t *)stepping.last_pc);
    if (is_call(code)) {
        CHECK(stepping.depth < CALLS_MAX);
        stepping.returns[stepping.depth] = *(const uintptr_t *)sp;
        stepping.sp[stepping.depth++] = sp + sizeof sp;
        if (stepping.depth > stepping.deepest) stepping.deepest = stepping.depth;
    } else if (is_return(code)) {
        CHECK(stepping.depth > 0 && stepping.returns[--stepping.depth] == pc);
    }
    stepping.last_pc = pc;
}

static void check_step(uintptr_t pc) {
    CHECK(!taken.truncated && !taken.depth_limited);
    CHECK(taken.addresses[0] == pc + 1);
    CHECK(taken.count == 1 + stepping.depth + stepping.base_count);
    for (size_t i = 0; i < stepping.depth; i++) {
        CHECK(taken.addresses[1 + i] == stepping.returns[stepping.depth - 1 - i]);
        CHECK(taken.ends[i] == stepping.sp[stepping.depth - 1 - i]);
    }
    size_t above = 1 + stepping.depth;
    CHECK(memcmp(taken.addresses + above, stepping.base, stepping.base_count * sizeof *stepping.base) == 0);
}

static void handle_step(int number, siginfo_t *info, void *untyped) {
    (void)number, (void)info;
    ucontext_t *context = untyped;
    uintptr_t pc = (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
    if (stepping.steps++ > 0) follow_instruction(pc, (uintptr_t)context->uc_mcontext.gregs[REG_RSP]);
    stepping.last_pc = pc;
    sp_registers registers = registers_of(context);
    taken.last = stepping.steps % 4 ? &stepping.last : NULL;
    take_from(&registers);
    check_step(pc);
    if (stepping.going)
        context->uc_mcontext.gregs[REG_EFL] |= STEP_FLAG;
    else
        context->uc_mcontext.gregs[REG_EFL] &= ~STEP_FLAG;
}

/* Step from the breakpoint to the first instruction after the end. */
static __attribute__((noinline)) void step_through(void body(void)) {
    take_stack(&trace);
    trace.depth = 0;
    stepping.base_count = taken.count - 2;
    memcpy(stepping.base, taken.addresses + 2, stepping.base_count * sizeof *stepping.base);
    stepping.going = true;
    __asm__ volatile("int3" ::: "memory");
    body();
    __atomic_store_n(&stepping.going, false, __ATOMIC_SEQ_CST);
    CHECK(stepping.depth == 0 || stepping.depth == 1); /* returning from here */
}

static void step_through_all(void body(void), uint64_t steps, uint64_t deepest) {
    sp_unwind_prepare();
    handle(SIGTRAP, handle_step, 0);
    step_through(body);
    assert_true(stepping.steps >= steps && stepping.deepest >= deepest);
}

static void do_nothing(specimen_trace *at) {
    SPECIMEN_ENTER(at);
}

static void run_every_kind(void) {
    specimen_function *const *const ways[] = {specimen_without_frame_pointer, specimen_with_frame_pointer,
                                              specimen_unoptimized};
    for (size_t way = 0; way < 3; way++) {
        for (size_t kind = 0; kind < SPECIMEN_KIND_COUNT; kind++) {
            script[0] = ways[way][kind];
            script[1] = specimen_by_saved_register;
            script[2] = do_nothing;
            run_script(&trace, script);
        }
    }
}

TEST(test_every_instruction_of_every_kind_of_frame_is_unwound) {
    step_through_all(run_every_kind, 1000, 4);
}

static char text[4096];

/* Format no fractions: glibc's unwind descriptions of its own multi-precision arithmetic are wrong. */
static void print_and_parse(void) {
    snprintf(text, sizeof text, "%d %-20s %lx %p %zu%%", -12345, "text", ~0ul, (void *)text, sizeof text);
    text[0] = (char)strtoll("-9223372036854775808", NULL, 0);
}

TEST(test_every_instruction_of_printing_and_parsing_is_unwound) {
    step_through_all(print_and_parse, 2000, 4);
}

static int compare_chars(const void *one, const void *other) {
    return *(const char *)one - *(const char *)other;
}

static void move_memory(void) {
    for (size_t size = 0; size < 2048; size = 2 * size + 3) {
        memset(text, (int)size, size);
        memmove(text + 7, text, size);
        text[size] = (char)memcmp(text, text + 1, size);
        text[strnlen(text, sizeof text - 1)] = 1;
    }
    qsort(text, 200, 1, compare_chars);
}

TEST(test_every_instruction_of_moving_and_sorting_is_unwound) {
    step_through_all(move_memory, 10000, 3);
}

static void allocate(void) {
    void *blocks[40];
    for (size_t i = 0; i < 40; i++) blocks[i] = malloc(i * i + 1);
    for (size_t i = 0; i < 40; i++) blocks[i] = realloc(blocks[i], 2000 - i * 50);
    for (size_t i = 0; i < 40; i++) free(blocks[i]);
}

TEST(test_every_instruction_of_allocating_is_unwound) {
    step_through_all(allocate, 3000, 3);
}

/* The first call of each function binds it: through the linkage table and the loader. Reading the clock enters the
 * vDSO. */
static void bind_and_read_clock(void) {
    struct timespec now;
    text[0] = (char)a64l("zz");
    text[1] = l64a(123456789)[0];
    text[2] = (char)ffsll(1024);
    clock_gettime(CLOCK_MONOTONIC, &now);
    text[3] = (char)now.tv_nsec;
}

TEST(test_every_instruction_of_lazy_binding_and_the_kernels_page_is_unwound) {
    step_through_all(bind_and_read_clock, 1000, 4);
}

#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_stack_goes_on_through_a_signal),
        cmocka_unit_test(test_a_stack_goes_on_from_an_alternate_stack),
        cmocka_unit_test(test_an_alternate_stack_may_lie_on_either_side),
        cmocka_unit_test(test_a_stack_goes_on_through_two_signals),
#if defined(__x86_64__)
        cmocka_unit_test(test_an_interrupted_instruction_is_looked_up_exactly),
        cmocka_unit_test(test_an_interrupted_instruction_is_looked_up_exactly_from_an_alternate_stack),
        cmocka_unit_test(test_every_instruction_of_every_kind_of_frame_is_unwound),
        cmocka_unit_test(test_every_instruction_of_printing_and_parsing_is_unwound),
        cmocka_unit_test(test_every_instruction_of_moving_and_sorting_is_unwound),
        cmocka_unit_test(test_every_instruction_of_allocating_is_unwound),
        cmocka_unit_test(test_every_instruction_of_lazy_binding_and_the_kernels_page_is_unwound),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
