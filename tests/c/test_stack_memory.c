/* Reading stacks: the thread's own, artificial ones, a signal's, and a coroutine's. The surrounding memory is mapped so
 * that a load beyond the stack faults.
 */
#include "stack_memory.h"

#include "memory.h"
#include "spprof.h"
#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define PAGE 4096
#define WORD sizeof(uintptr_t)
#define HERE ((uintptr_t)__builtin_frame_address(0))

extern void *__libc_stack_end;

/* A region of unreadable pages with `readable` readable ones in the middle. */
typedef struct region {
    uint8_t *start, *end; /* the bounds of the readable middle */
} region;

static void protect(const void *start, size_t bytes, int protection) {
    CHECK(mprotect((void *)start, bytes, protection) == 0);
}

static region map_region(size_t readable) {
    uint8_t *whole = mmap(NULL, (readable + 512) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(whole != MAP_FAILED);
    region made = {whole + 256 * PAGE, whole + (256 + readable) * PAGE};
    protect(made.start, readable * PAGE, PROT_READ | PROT_WRITE);
    return made;
}

static sp_stack_memory find(uintptr_t sp) {
    sp_stack_memory stack;
    sp_stack_memory_find(&stack, sp);
    return stack;
}

static bool can_load(sp_stack_memory *stack, uintptr_t address) {
    uintptr_t value;
    return sp_stack_memory_load(stack, address, &value);
}

/* Check that the word at every byte address from `start` to the last word before `end` can be loaded with the right
 * value. */
static void check_loads(sp_stack_memory *stack, uintptr_t start, uintptr_t end) {
    for (uintptr_t address = start; address <= end - WORD; address++) {
        uintptr_t value, expected;
        CHECK(sp_stack_memory_load(stack, address, &value));
        __builtin_memcpy(&expected, (const void *)address, WORD);
        CHECK(value == expected || address < HERE); /* our own frame changes */
    }
}

/* Check that no address from `end` on can be loaded, nor a word that reaches beyond it. */
static void check_ends(sp_stack_memory *stack, uintptr_t end) {
    for (uintptr_t address = end - WORD + 1; address < end + 2 * PAGE; address++) CHECK(!can_load(stack, address));
    CHECK(!can_load(stack, end + ((uintptr_t)32 << 20)));
}

static void check_outside(sp_stack_memory *stack) {
    static const uintptr_t far[] = {0,
                                    1,
                                    8,
                                    PAGE,
                                    UINTPTR_MAX,
                                    UINTPTR_MAX - 6,
                                    UINTPTR_MAX - 7,
                                    UINTPTR_MAX - 8,
                                    (uintptr_t)1 << 47,
                                    (uintptr_t)1 << 63,
                                    UINTPTR_MAX - PAGE};
    for (size_t i = 0; i < sizeof far / sizeof *far; i++) CHECK(!can_load(stack, far[i]));
}

/* ---- A thread's own stack ---- */

TEST(test_the_programs_stack_is_read_up_to_its_first_frame) {
    uintptr_t sp = HERE;
    sp_stack_memory stack = find(sp);
    assert_in_range(sp, stack.low, stack.high);
    assert_ptr_equal(stack.high, __libc_stack_end);
    assert_int_equal(stack.limit, stack.high);
    check_loads(&stack, sp, stack.high);
    check_ends(&stack, stack.high);
    check_outside(&stack);
}

TEST(test_nothing_below_the_stack_pointers_page_is_read) {
    uintptr_t sp = HERE;
    sp_stack_memory stack = find(sp);
    assert_true(stack.low >= (sp & ~(uintptr_t)(PAGE - 1)) - PAGE);
    assert_false(can_load(&stack, stack.low - 1));
    assert_false(can_load(&stack, stack.low - PAGE));
    assert_true(can_load(&stack, stack.low));
}

static __attribute__((noinline)) uintptr_t find_at_depth(unsigned depth, uintptr_t high) {
    volatile uint8_t room[1500];
    room[depth % sizeof room] = 1;
    uintptr_t sp = HERE;
    sp_stack_memory stack = find((uintptr_t)room);
    CHECK(stack.low <= (uintptr_t)room && stack.high == high && stack.limit == high);
    CHECK(can_load(&stack, (uintptr_t)room) && can_load(&stack, high - WORD));
    uintptr_t deepest = depth > 0 ? find_at_depth(depth - 1, high) : sp;
    stack = find(sp);
    CHECK(stack.low <= sp && stack.high == high);
    return deepest + (room[0] & 0);
}

TEST(test_a_stack_that_has_grown_is_read_deeper) {
    sp_stack_memory stack = find(HERE);
    uintptr_t deepest = find_at_depth(1000, stack.high);
    assert_true(deepest < stack.low - 1000000);
    assert_true(spprof_this_thread.stack_low <= deepest);
}

static void read_own_stack(unsigned thread, void *argument) {
    (void)thread, (void)argument;
    uintptr_t sp = HERE, own_data = (uintptr_t)__builtin_thread_pointer();
    sp_stack_memory stack = find(sp);
    CHECK(stack.low <= sp && stack.high > sp && stack.high <= own_data && stack.high == stack.limit);
    check_loads(&stack, sp, stack.high);
    check_ends(&stack, stack.high);
    check_outside(&stack);
    find_at_depth(100, stack.high);
}

TEST(test_every_thread_reads_its_own_stack) {
    run_threads(8, read_own_stack, NULL);
}

typedef struct made_stack {
    region place;
    uintptr_t sp; /* the result */
} made_stack;

static void *read_made_stack(void *argument) {
    made_stack *made = argument;
    sp_stack_memory stack = find(HERE);
    made->sp = HERE;
    CHECK(stack.low >= (uintptr_t)made->place.start && stack.high <= (uintptr_t)made->place.end);
    check_loads(&stack, HERE, stack.high);
    check_ends(&stack, stack.high);
    stack = find((uintptr_t)made->place.start + WORD); /* as if the whole stack were in use */
    CHECK(can_load(&stack, (uintptr_t)made->place.start) && !can_load(&stack, (uintptr_t)made->place.start - 1));
    return NULL;
}

static void run_on(region place, void *body(void *), void *argument) {
    pthread_attr_t attributes;
    pthread_t thread;
    CHECK(pthread_attr_init(&attributes) == 0);
    CHECK(pthread_attr_setstack(&attributes, place.start, (size_t)(place.end - place.start)) == 0);
    CHECK(pthread_create(&thread, &attributes, body, argument) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

TEST(test_a_stack_that_the_program_provides_is_the_threads_own) {
    made_stack made = {.place = map_region(32)};
    run_on(made.place, read_made_stack, &made);
    assert_in_range(made.sp, (uintptr_t)made.place.start, (uintptr_t)made.place.end);
}

/* ---- Other stacks of the thread ---- */

static region other;
static sp_stack_memory before; /* the thread's own stack, as known before */

static void read_other_stack(void) {
    sp_stack_memory stack = find(HERE);
    CHECK(stack.low >= (uintptr_t)other.start && stack.low <= HERE && stack.high <= (uintptr_t)other.end);
    check_loads(&stack, HERE, (uintptr_t)other.end);
    check_ends(&stack, (uintptr_t)other.end);
    check_outside(&stack);
}

static void expect_own_as_before(void) {
    sp_stack_memory stack = find(HERE);
    CHECK(stack.high == before.high && stack.limit == before.limit);
    CHECK(can_load(&stack, HERE) && can_load(&stack, stack.high - WORD));
}

static void handle(int number) {
    (void)number;
    read_other_stack();
    errno = 0;
}

static void take_signal_on(region place) {
    stack_t alternate = {.ss_sp = place.start, .ss_size = (size_t)(place.end - place.start)};
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_ONSTACK};
    CHECK(sigaltstack(&alternate, NULL) == 0);
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    other = place;
    raise(SIGUSR1);
}

TEST(test_a_signals_stack_is_read_to_its_end) {
    before = find(HERE);
    take_signal_on(map_region(16));
    expect_own_as_before();
}

TEST(test_a_threads_first_look_may_be_from_a_signals_stack) {
    before = (sp_stack_memory){.high = (uintptr_t)__libc_stack_end, .limit = (uintptr_t)__libc_stack_end};
    take_signal_on(map_region(16));
    expect_own_as_before();
}

static ucontext_t main_context, coroutine;

/* Run `body` on a separate stack, then return. */
static void run_coroutine(region place, void body(void)) {
    CHECK(getcontext(&coroutine) == 0);
    coroutine.uc_stack = (stack_t){.ss_sp = place.start, .ss_size = (size_t)(place.end - place.start)};
    coroutine.uc_link = &main_context;
    other = place;
    makecontext(&coroutine, body, 0);
    CHECK(swapcontext(&main_context, &coroutine) == 0);
}

TEST(test_a_coroutines_stack_is_read_to_the_guard_above_it) {
    before = find(HERE);
    for (int i = 0; i < 3; i++) run_coroutine(map_region(16), read_other_stack);
    expect_own_as_before();
}

/* Everything next to the stack is readable, farther than a stack could reach. */
static void read_far(void) {
    uintptr_t page = HERE & ~(uintptr_t)(PAGE - 1), limit = page + ((uintptr_t)16 << 20);
    sp_stack_memory stack = find(HERE);
    CHECK(stack.low == page);
    for (uintptr_t address = HERE; address <= limit - WORD; address += PAGE / 2) CHECK(can_load(&stack, address));
    CHECK(can_load(&stack, limit - WORD) && !can_load(&stack, limit - WORD + 1) && !can_load(&stack, limit));
}

TEST(test_a_coroutines_stack_without_a_guard_is_read_to_a_limit) {
    before = find(HERE);
    region whole = map_region(17 * 256), place = {whole.start, whole.start + 16 * PAGE};
    run_coroutine(place, read_far);
    expect_own_as_before();
}

static void look_twice(void) {
    volatile uint8_t room[8 * PAGE];
    room[0] = 1;
    uintptr_t hidden = ((uintptr_t)room & ~(uintptr_t)(PAGE - 1)) + 4 * PAGE, end = hidden + PAGE;
    sp_stack_memory stack = find((uintptr_t)room);
    CHECK(can_load(&stack, (uintptr_t)other.end - WORD));
    protect((void *)hidden, PAGE, PROT_NONE);
    stack = find((uintptr_t)room);
    CHECK(can_load(&stack, hidden - WORD) && !can_load(&stack, hidden) && !can_load(&stack, end));
    protect((void *)hidden, PAGE, PROT_READ | PROT_WRITE);
}

TEST(test_another_stack_is_asked_for_each_time) {
    before = find(HERE);
    run_coroutine(map_region(32), look_twice);
    expect_own_as_before();
}

/* The main thread keeps its data elsewhere. Even if that data is above, and everything in between is readable, it is
 * not a stack. */
static void look_first(void) {
    sp_stack_memory stack = find(HERE);
    CHECK(can_load(&stack, HERE));
    CHECK(spprof_this_thread.stack_high == 0);
}

TEST(test_a_coroutine_below_the_threads_data_is_not_taken_for_its_stack) {
    uintptr_t data = (uintptr_t)__builtin_thread_pointer();
    uintptr_t lowest = data & ~(uintptr_t)(PAGE - 1);
    while (sp_memory_is_readable(lowest - PAGE)) lowest -= PAGE;
    size_t bytes = 64 * PAGE;
    void *below = mmap((void *)(lowest - bytes), bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    assert_ptr_equal(below, lowest - bytes);
    run_coroutine((region){below, (uint8_t *)below + bytes}, look_first);
    sp_stack_memory stack = find(HERE);
    assert_ptr_equal(stack.high, __libc_stack_end);
}

/* A thread runs on the upper half of a mapping, and a coroutine on the lower half, which is unmapped later. */
static void look_only(void) {
    sp_stack_memory stack = find(HERE);
    CHECK(can_load(&stack, HERE));
}

static void *outlive_coroutine(void *argument) {
    region lower = *(region *)argument;
    run_coroutine(lower, look_only);
    protect(lower.start, (size_t)(lower.end - lower.start), PROT_NONE);
    sp_stack_memory stack = find(HERE);
    for (uintptr_t address = (uintptr_t)lower.start; address < (uintptr_t)lower.end; address += WORD)
        CHECK(!can_load(&stack, address));
    CHECK(can_load(&stack, HERE));
    return NULL;
}

TEST(test_a_coroutine_right_below_a_threads_stack_may_go) {
    region whole = map_region(64), lower = {whole.start, whole.start + 32 * PAGE}, upper = {lower.end, whole.end};
    run_on(upper, outlive_coroutine, &lower);
}

static void *look_across_a_hole(void *argument) {
    region lower = *(region *)argument;
    protect(lower.end - PAGE, PAGE, PROT_NONE);
    lower.end -= PAGE;
    run_coroutine(lower, read_other_stack); /* the thread's first lookup of its stack */
    sp_stack_memory stack = find(HERE);
    CHECK(can_load(&stack, HERE) && !can_load(&stack, (uintptr_t)lower.end));
    run_coroutine(lower, read_other_stack);
    return NULL;
}

TEST(test_a_coroutine_is_never_part_of_a_stack_beyond_a_hole) {
    region whole = map_region(64), lower = {whole.start, whole.start + 32 * PAGE}, upper = {lower.end, whole.end};
    run_on(upper, look_across_a_hole, &lower);
}

/* ---- Children ---- */

static void look_in_child(void *argument) {
    uintptr_t *sp = argument;
    sp_stack_memory stack = find(HERE);
    check_loads(&stack, HERE, *sp);
    CHECK(!can_load(&stack, stack.low - 1));
}

static void fork_and_look(unsigned thread, void *argument) {
    (void)argument;
    uintptr_t sp = HERE;
    if (thread % 2) find(sp); /* half of the threads have found their stack before the fork */
    run_in_child(look_in_child, &sp);
}

TEST(test_a_thread_that_forked_reads_its_stack_in_the_child) {
    run_threads(4, fork_and_look, NULL);
}

/* ---- Memory that is not a stack ---- */

TEST(test_nothing_is_read_where_no_stack_can_be) {
    region place = map_region(1);
    const uintptr_t wrong[] = {0,
                               1,
                               WORD,
                               PAGE,
                               (uintptr_t)place.start - 1,
                               (uintptr_t)place.end,
                               (uintptr_t)1 << 47,
                               (uintptr_t)1 << 63,
                               UINTPTR_MAX - ((uintptr_t)16 << 20),
                               UINTPTR_MAX - PAGE,
                               UINTPTR_MAX - WORD + 1,
                               UINTPTR_MAX};
    for (int known = 0; known < 2; known++) {
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
            sp_stack_memory stack = find(wrong[i]);
            assert_false(can_load(&stack, wrong[i]));
            check_outside(&stack);
        }
        find(HERE);
    }
}

TEST(test_errno_is_left_alone) {
    region place = map_region(1);
    errno = 123;
    sp_stack_memory stack = find((uintptr_t)place.start);
    can_load(&stack, (uintptr_t)place.end);
    find(HERE);
    find(0);
    assert_int_equal(errno, 123);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_programs_stack_is_read_up_to_its_first_frame),
        cmocka_unit_test(test_nothing_below_the_stack_pointers_page_is_read),
        cmocka_unit_test(test_a_stack_that_has_grown_is_read_deeper),
        cmocka_unit_test(test_every_thread_reads_its_own_stack),
        cmocka_unit_test(test_a_stack_that_the_program_provides_is_the_threads_own),
        cmocka_unit_test(test_a_signals_stack_is_read_to_its_end),
        cmocka_unit_test(test_a_threads_first_look_may_be_from_a_signals_stack),
        cmocka_unit_test(test_a_coroutines_stack_is_read_to_the_guard_above_it),
        cmocka_unit_test(test_a_coroutines_stack_without_a_guard_is_read_to_a_limit),
        cmocka_unit_test(test_another_stack_is_asked_for_each_time),
        cmocka_unit_test(test_a_coroutine_below_the_threads_data_is_not_taken_for_its_stack),
        cmocka_unit_test(test_a_coroutine_right_below_a_threads_stack_may_go),
        cmocka_unit_test(test_a_coroutine_is_never_part_of_a_stack_beyond_a_hole),
        cmocka_unit_test(test_a_thread_that_forked_reads_its_stack_in_the_child),
        cmocka_unit_test(test_nothing_is_read_where_no_stack_can_be),
        cmocka_unit_test(test_errno_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
