/* Stacks taken in a handler that interrupts functions at each of their instructions. */
#include "eh_frame.h"
#include "frames.h"
#include "objects.h"
#include "specimens.h"
#include "tap.h"
#include "traps.h"
#include "unwind.h"

#include <dlfcn.h>
#include <string.h>

DECLARE_PLACE(top);
DECLARE_PLACE(bottom);
DECLARE_PLACE(observer);
DECLARE_PLACE(linking);
DECLARE_PLACE(main);

static stack taken, from_context, by_libgcc;

static PLACED(observer) void take_in_handler(const ucontext_t *context, void *argument) {
    (void)argument;
    stack_take_from_context(context, &from_context);
    stack_take(&taken);
    stack_take_by_libgcc(&by_libgcc);
    __asm__ volatile(""); /* prevents a tail call */
}

/* Check that the stack taken begins with `interrupted`, and that libgcc saw the same in the handler. */
static void check_interruption(const place *interrupted, const place *expected, size_t count) {
    check_frames(&from_context, expected, count);
    CHECK(stack_find(&from_context, 0, interrupted) == 0);
    CHECK(stack_find(&from_context, 0, &PLACE(main)) < from_context.count);
    check_whole(&from_context);
    size_t handler = stack_find(&taken, 0, &PLACE(trap_handler));
    CHECK(stack_find(&taken, handler, interrupted) == handler + 2); /* the handler returns to kernel code */
    check_frames(&taken, expected, count);
    CHECK(!taken.truncated && !taken.depth_limited);
    check_as_libgcc(&taken, &by_libgcc, &PLACE(observer));
}

/* ---- Specimens ---- */

static PLACED(bottom) void do_nothing(void *argument) {
    (void)argument;
    __asm__ volatile("");
}

/* Return a caller that is a different function, because the trap fires only once. */
static const specimen *caller_of(const specimen *one) {
    const specimen *usual = specimen_sets[0]->callers;
    return one == &usual[1] ? &usual[2] : &usual[1];
}

static PLACED(top) void run_chain(void *argument) {
    const specimen *listed[] = {caller_of(argument), argument, NULL};
    chain whole = {.next = listed, .last = do_nothing};
    go_on(&whole);
}

static size_t interrupt_everywhere(const specimen *one) {
    size_t met = 0;
    const place expected[] = {one->place, caller_of(one)->place, PLACE(top)};
    for (uintptr_t at = one->place.start; at < one->place.end; at += 4) {
        if (!trap_run(at, take_in_handler, run_chain, (void *)one)) continue;
        check_interruption(&one->place, expected, sizeof expected / sizeof *expected);
        met++;
    }
    return met;
}

static size_t interrupt_set(const specimen_set *set) {
    size_t met = 0;
    for (size_t i = 0; i < set->caller_count; i++) met += interrupt_everywhere(&set->callers[i]);
    for (size_t i = 0; i < set->leaf_count; i++) met += interrupt_everywhere(&set->leaves[i]);
    return met;
}

static void test_at_every_instruction_of_every_specimen(void) {
    size_t met = interrupt_set(&handwritten);
    for (size_t i = 0; i < specimen_set_count; i++) met += interrupt_set(specimen_sets[i]);
    printf("# %zu instructions\n", met);
    CHECK(met > 2000);
}

static void test_the_same_on_an_alternate_stack(void) {
    trap_prepare(true);
    CHECK(interrupt_set(specimen_sets[0]) + interrupt_set(specimen_sets[1]) > 400);
    trap_prepare(false);
}

/* ---- Linkage ---- */

static PLACED(linking) void call_through_linkage(void *argument) {
    strtol("1", argument, 10);
    __asm__ volatile("");
}

static uintptr_t called_from(const place *caller) {
    for (uintptr_t at = caller->start; at < caller->end; at += 4) {
        uint32_t instruction = *(const uint32_t *)at;
        if (instruction >> 26 == 0x25) return at + (uintptr_t)((int64_t)((uint64_t)instruction << 38) >> 36); /* bl */
    }
    return 0;
}

/* Linkers do not describe the linkage table, so libgcc stops there. */
static void test_at_every_instruction_between_a_call_and_a_library(void) {
    uintptr_t start = called_from(&PLACE(linking)), end = start;
    while (*(const uint32_t *)end != 0xD61F0220) end += 4; /* br x17 */
    CHECK(end - start >= 12 && end - start <= 24);
    for (uintptr_t at = start; at <= end; at += 4) {
        CHECK(trap_run(at, take_in_handler, call_through_linkage, NULL));
        CHECK(from_context.addresses[0] == at + 1);
        CHECK(stack_find(&from_context, 0, &PLACE(linking)) == 1);
        check_whole(&from_context);
        CHECK(stack_find(&from_context, 0, &PLACE(main)) < from_context.count);
    }
}

/* ---- libc ---- */

static int compare(const void *left, const void *right) {
    return *(const int *)left - *(const int *)right;
}

static PLACED(top) void use_libc(void *argument) {
    int numbers[8] = {5, 3, 8, 1, 7, 2, 6, 4};
    char text[200];
    (void)argument;
    qsort(numbers, 8, sizeof *numbers, compare);
    CHECK(bsearch(&(int){3}, numbers, 8, sizeof *numbers, compare) == &numbers[2]);
    snprintf(text, sizeof text, "%d %s %g %-20lx", numbers[0], "word", (double)numbers[1] / 3, (long)numbers[2]);
    CHECK(strtod(strchr(text, '.'), NULL) > 0);
    free(realloc(malloc(100), 5000));
    free(calloc(30, 30));
    __asm__ volatile(""); /* prevents a tail call */
}

static void ignore(const ucontext_t *context, void *argument) {
    (void)context, (void)argument;
}

static void check_in_libc(uintptr_t at) {
    if (!trap_run(at, take_in_handler, use_libc, NULL)) return;
    CHECK(from_context.addresses[0] == at + 1);
    check_frames(&from_context, &PLACE(top), 1);
    check_whole(&from_context);
    check_as_libgcc(&taken, &by_libgcc, &PLACE(observer));
}

/* One in 7 instructions of the functions that the work enters is trapped. */
static void test_throughout_libc(void) {
    sp_object libc;
    sp_fde fde;
    uint64_t seed = 1;
    size_t functions = 0;
    CHECK(sp_objects_find((uintptr_t)dlsym(RTLD_DEFAULT, "qsort"), &libc));
    sp_eh_image image = {.start = libc.eh_start, .end = libc.eh_end, .header = libc.eh_header};
    for (uintptr_t at = libc.start; at < (uintptr_t)libc.eh_header; at += 4) {
        if (!sp_eh_frame_find(&image, at, &fde)) continue;
        if (trap_run(at, ignore, use_libc, NULL)) {
            functions++;
            for (; at < fde.pc_end; at += 4 * (1 + random_below(&seed, 13))) check_in_libc(at);
        }
        at = fde.pc_end - 4;
    }
    printf("# %zu functions\n", functions);
    CHECK(functions > 30);
}

PLACED(main) int main(void) {
    sp_unwind_prepare();
    trap_prepare(false);
    RUN(test_at_every_instruction_of_every_specimen);
    RUN(test_the_same_on_an_alternate_stack);
    RUN(test_at_every_instruction_between_a_call_and_a_library);
    RUN(test_throughout_libc);
    return EXIT_SUCCESS;
}
