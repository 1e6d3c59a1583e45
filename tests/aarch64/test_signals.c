/* Signal frames: on any stack, nested, torn, and with the descriptions that some kernels used for some time. */
#include "frames.h"
#include "specimens.h"
#include "tap.h"
#include "unwind.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

DECLARE_PLACE(raising);
DECLARE_PLACE(stopping);
DECLARE_PLACE(outer_handler);
DECLARE_PLACE(inner_handler);
DECLARE_PLACE(thread_body);
DECLARE_PLACE(main);

#define STACK_BYTES (1 << 18)

static stack taken, by_libgcc;

static char *map_pages(size_t bytes, int protection) {
    char *pages = mmap(NULL, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(pages != MAP_FAILED);
    return pages;
}

static PLACED(inner_handler) void take(int number) {
    (void)number;
    stack_take(&taken);
    stack_take_by_libgcc(&by_libgcc);
    __asm__ volatile(""); /* prevents a tail call */
}

static PLACED(outer_handler) void raise_another(int number) {
    (void)number;
    raise(SIGUSR2);
    __asm__ volatile("");
}

static PLACED(raising) void raise_first(void *argument) {
    (void)argument;
    raise(SIGUSR1);
    __asm__ volatile("");
}

static void use_handlers(void (*first)(int), void (*second)(int), int flags) {
    CHECK(sigaction(SIGUSR1, &(struct sigaction){.sa_handler = first, .sa_flags = flags}, NULL) == 0);
    CHECK(sigaction(SIGUSR2, &(struct sigaction){.sa_handler = second, .sa_flags = flags}, NULL) == 0);
}

static void use_alternate_stack(void) {
    stack_t alternate = {.ss_sp = map_pages(STACK_BYTES, PROT_READ | PROT_WRITE), .ss_size = STACK_BYTES};
    CHECK(sigaltstack(&alternate, NULL) == 0);
}

static void run_chain_to(void (*last)(void *)) {
    const specimen *listed[] = {&specimen_sets[0]->callers[0], &specimen_sets[0]->callers[4], NULL};
    chain whole = {.next = listed, .last = last};
    go_on(&whole);
}

static void run_chain(void) {
    run_chain_to(raise_first);
}

/* Check that the places appear in this order, with frames of libc and of the kernel in between. */
static void check_order(const place *places, size_t count) {
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        at = stack_find(&taken, at, &places[i]);
        CHECK(at < taken.count);
    }
    CHECK(!taken.truncated && !taken.depth_limited);
    check_as_libgcc(&taken, &by_libgcc, &PLACE(inner_handler));
}

#define CHECK_ORDER(...) check_order((const place[]){__VA_ARGS__}, sizeof((place[]){__VA_ARGS__}) / sizeof(place))

static place chain_place(size_t index) {
    return specimen_sets[0]->callers[index].place;
}

/* ---- The stacks of handlers ---- */

static void test_a_handler_on_the_same_stack(void) {
    use_handlers(take, take, 0);
    run_chain();
    CHECK_ORDER(PLACE(inner_handler), PLACE(raising), chain_place(4), chain_place(0), PLACE(main));
    check_whole(&taken);
}

static void test_a_handler_on_an_alternate_stack(void) {
    use_alternate_stack();
    use_handlers(take, take, SA_ONSTACK);
    run_chain();
    CHECK_ORDER(PLACE(inner_handler), PLACE(raising), chain_place(4), chain_place(0), PLACE(main));
}

static void test_a_handler_that_interrupts_a_handler(void) {
    for (int flags = 0; flags <= SA_ONSTACK; flags += SA_ONSTACK) {
        use_handlers(raise_another, take, flags);
        run_chain();
        CHECK_ORDER(PLACE(inner_handler), PLACE(outer_handler), PLACE(raising), chain_place(4), PLACE(main));
    }
}

static PLACED(thread_body) void *run_in_thread(void *argument) {
    use_alternate_stack();
    use_handlers(raise_another, take, *(int *)argument);
    run_chain();
    CHECK_ORDER(PLACE(inner_handler), PLACE(outer_handler), PLACE(raising), chain_place(4), PLACE(thread_body));
    return NULL;
}

static void test_handlers_in_a_thread(void) {
    for (int flags = 0; flags <= SA_ONSTACK; flags += SA_ONSTACK) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, run_in_thread, &flags) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
    }
}

/* ---- Descriptions that give the interrupted frame, but not the instruction at which the signal arrived ---- */

#define RETURN_FROM_SIGNAL(name, before, within)                                                                       \
    void name(void);                                                                                                   \
    __asm__(".text\n"                                                                                                  \
            ".align 2\n" before ".globl " #name "\n.type " #name ", %function\n" #name ":\n" within "mov x8, #139\n"   \
            "svc #0\n"                                                                                                 \
            ".cfi_endproc\n"                                                                                           \
            ".size " #name ", .-" #name "\n")
#define DESCRIPTION                                                                                                    \
    ".cfi_startproc\n"                                                                                                 \
    ".cfi_signal_frame\n"                                                                                              \
    ".cfi_def_cfa x29, 0\n"                                                                                            \
    ".cfi_offset x29, 0\n"                                                                                             \
    ".cfi_offset x30, 8\n"

RETURN_FROM_SIGNAL(described_return, "nop\n", DESCRIPTION);
RETURN_FROM_SIGNAL(described_return_with_nop, DESCRIPTION "nop\n", "");

/* This is the kernel's struct, because glibc's sigaction does not pass on a restorer. */
typedef struct kernel_sigaction {
    void (*handler)(int, siginfo_t *, void *);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
} kernel_sigaction;

#define KERNEL_SA_RESTORER 0x04000000

static PLACED(inner_handler) void take_and_go_on(int number, siginfo_t *information, void *context) {
    (void)information;
    take(number);
    ((ucontext_t *)context)->uc_mcontext.pc += 4; /* past the breakpoint */
}

static PLACED(stopping) void stop_in_leaf(void) {
    __asm__ volatile("brk #0");
}

static PLACED(raising) void call_leaf(void *argument) {
    (void)argument;
    stop_in_leaf();
    __asm__ volatile(""); /* prevents a tail call */
}

/* If the unwinder followed the description of the return code, it would go from the handler to the leaf's caller. */
static void test_a_described_return_from_a_handler(void) {
    void (*const returns[])(void) = {described_return, described_return_with_nop};
    for (size_t i = 0; i < 2; i++) {
        kernel_sigaction action = {take_and_go_on, SA_SIGINFO | KERNEL_SA_RESTORER, returns[i], 0};
        CHECK(syscall(SYS_rt_sigaction, SIGTRAP, &action, NULL, 8) == 0);
        run_chain_to(call_leaf);
        size_t stopped = stack_find(&taken, 0, &PLACE(stopping));
        CHECK(stopped > 1 && taken.addresses[stopped - 1] == (uintptr_t)returns[i]);
        check_frames(&taken, (place[]){PLACE(stopping), PLACE(raising), chain_place(4), chain_place(0)}, 4);
        check_whole(&taken);
    }
}

/* ---- Torn signal frames ---- */

static const uint32_t return_code[] = {0xD2801168, 0xD4000001};

static void take_from(uintptr_t pc, uintptr_t sp, uintptr_t fp) {
    sp_registers registers = {.known = 0};
    sp_registers_set(&registers, SP_REGISTER_PC, pc);
    sp_registers_set(&registers, SP_REGISTER_SP, sp);
    sp_registers_set(&registers, SP_REGISTER_FP, fp);
    sp_registers_set(&registers, SP_REGISTER_LR, pc);
    sp_native_stack native = {.addresses = taken.addresses, .ends = taken.ends, .capacity = STACK_FRAMES_MAX};
    sp_unwind(&registers, &native);
    taken.count = native.count;
    taken.truncated = native.truncated;
}

static uintptr_t any_word(uint64_t *seed, const uint64_t *area, size_t words, uintptr_t code) {
    switch (random_below(seed, 4)) {
    case 0:
        return code;
    case 1:
        return next_random(seed) >> random_below(seed, 64);
    default:
        return (uintptr_t)&area[random_below(seed, words)];
    }
}

static void test_torn_signal_frames_end_the_stack(void) {
    enum { WORDS = 2048 };
    uint64_t seed = 3, *area = (uint64_t *)map_pages(WORDS * sizeof *area, PROT_READ | PROT_WRITE);
    char *code = map_pages(sizeof return_code, PROT_READ | PROT_WRITE);
    memcpy(code, return_code, sizeof return_code);
    size_t frames = 0;
    for (int round = 0; round < 3000; round++) {
        for (size_t i = 0; round % 100 == 0 && i < WORDS; i++) area[i] = any_word(&seed, area, WORDS, (uintptr_t)code);
        take_from((uintptr_t)code, any_word(&seed, area, WORDS, (uintptr_t)code), 0);
        frames += taken.count;
    }
    CHECK(frames > 3100); /* some lead to another signal frame */
}

static void test_code_that_cannot_be_read_ends_the_stack(void) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *code = map_pages(3 * page, PROT_READ | PROT_WRITE);
    memcpy(code + page - 4, return_code, sizeof return_code);
    CHECK(mprotect(code + page, page, PROT_NONE) == 0);
    uintptr_t start = (uintptr_t)code, local = (uintptr_t)&code;
    const uintptr_t places[] = {start + page - 4, start + page, start + page + 2, start + 1, 1, UINT64_MAX - 3};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        take_from(places[i], local, 0);
        CHECK(taken.count == (places[i] >> 48 == 0) && taken.truncated);
    }
}

PLACED(main) int main(void) {
    sp_unwind_prepare();
    RUN(test_a_handler_on_the_same_stack);
    RUN(test_a_handler_on_an_alternate_stack);
    RUN(test_a_handler_that_interrupts_a_handler);
    RUN(test_handlers_in_a_thread);
    RUN(test_a_described_return_from_a_handler);
    RUN(test_torn_signal_frames_end_the_stack);
    RUN(test_code_that_cannot_be_read_ends_the_stack);
    return EXIT_SUCCESS;
}
