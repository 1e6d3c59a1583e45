/* Torn stacks: words of a real stack are overwritten, then the stack is unwound and repaired. Whatever the words are,
 * unwinding ends, reads no unreadable memory, and returns only possible addresses. The stack is between unreadable
 * pages.
 */
#include "objects.h"
#include "support.h"
#include "taken_stack.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#define STACK_BYTES ((size_t)4 << 20)
#define SCRIPTS 25
#define TEARS 4000 /* 100 000 in all */
#define WORDS_MAX ((size_t)1 << 17)
#define HIDDEN_BYTES ((size_t)1 << 20)

static specimen_trace trace;
static specimen_function *script[32];
static uint64_t seed;
static uint8_t *stack, *hidden; /* `hidden`: unreadable pages elsewhere */
static uintptr_t signal_return; /* where handlers return to: a stack that returns there is read as a signal's frame */
static uintptr_t saved[WORDS_MAX];
static sp_last_walks last;
static struct {
    uint64_t truncated, whole, depth_limited;
} seen;

static void handle(int number) {
    (void)number;
    signal_return = (uintptr_t)__builtin_extract_return_addr(__builtin_return_address(0));
}

/* ---- Words ---- */

static uintptr_t random_near(uintptr_t address) {
    return address + random_below(&seed, 64) - 32;
}

static uintptr_t random_code(void) {
    const uintptr_t places[] = {(uintptr_t)&malloc, (uintptr_t)&qsort, (uintptr_t)&run_script, (uintptr_t)&trace,
                                (uintptr_t)getauxval(AT_SYSINFO_EHDR)};
    switch (random_below(&seed, 4)) {
    case 0:
        return signal_return;
    case 1:
        return trace.returns[random_below(&seed, trace.depth)];
    default:
        return places[random_below(&seed, 5)] + random_below(&seed, 5000);
    }
}

/* Return an address inside the stack, or slightly beyond it. */
static uintptr_t random_place(void) {
    uintptr_t place = (uintptr_t)stack + random_below(&seed, STACK_BYTES + 8192) - 4096;
    return random_below(&seed, 4) ? place & ~(uintptr_t)7 : place;
}

static uintptr_t random_word(void) {
    switch (random_below(&seed, 8)) {
    case 0:
        return next_random(&seed);
    case 1:
        return (uintptr_t)hidden + random_below(&seed, HIDDEN_BYTES);
    case 2:
        return random_below(&seed, 4096);
    case 3:
        return random_near((uintptr_t)1 << (12 + random_below(&seed, 52)));
    case 4:
    case 5:
        return random_code();
    default:
        return random_place();
    }
}

/* ---- Tearing ---- */

/* Choose the interesting words: a frame's return address and saved registers are just below its end. */
static size_t random_index(uintptr_t start, size_t count) {
    if (random_below(&seed, 4) == 0) return random_below(&seed, count);
    uintptr_t end = trace.ends[random_below(&seed, trace.depth - 1)];
    size_t index = (end - start) / sizeof end - 1 - random_below(&seed, 3);
    return end > start && index < count ? index : random_below(&seed, count);
}

static void tear_words(uintptr_t *words, size_t count) {
    if (random_below(&seed, 50) == 0)
        for (size_t i = 0; i < count; i++) words[i] = random_word();
    for (uint64_t n = 1 + random_below(&seed, 4); n-- > 0;)
        words[random_index((uintptr_t)words, count)] = random_word();
}

static void check_taken(const sp_unwind_counters *before) {
    sp_unwind_counters now = sp_unwind_read_counters();
    CHECK(taken.count >= 1 && taken.count <= taken.capacity);
    CHECK(!taken.depth_limited || taken.count == taken.capacity);
    CHECK(!(taken.depth_limited && taken.truncated));
    CHECK(now.truncated - before->truncated == taken.truncated);
    for (size_t i = 0; i < taken.count; i++) CHECK(taken.addresses[i] >> 48 == 0 && taken.addresses[i] != 0);
    seen.truncated += taken.truncated;
    seen.depth_limited += taken.depth_limited;
    seen.whole += !taken.depth_limited && !taken.truncated;
}

/* If a stack is compared with the last one, which was torn differently, the result is the same. */
static void check_beside_last(const sp_registers *registers) {
    static uintptr_t addresses[TAKEN_MAX], ends[TAKEN_MAX];
    sp_native_stack again = {.addresses = addresses, .ends = ends, .capacity = TAKEN_MAX, .last = &last};
    sp_unwind(registers, &again);
    CHECK(again.count == taken.count && again.depth_limited == taken.depth_limited &&
          again.truncated == taken.truncated);
    CHECK(memcmp(addresses, taken.addresses, taken.count * sizeof *addresses) == 0);
    CHECK(memcmp(ends, taken.ends, taken.count * sizeof *ends) == 0);
}

static void unwind_torn(const sp_registers *intact) {
    sp_registers registers = *intact;
    sp_unwind_counters before = sp_unwind_read_counters();
    if (random_below(&seed, 8) == 0) registers.value[SP_REGISTER_FP] = random_word();
    if (random_below(&seed, 8) == 0) registers.known = next_random(&seed) | intact->known;
    take_from(&registers);
    check_taken(&before);
    check_beside_last(&registers);
}

/* The last step of a script: everything above this function's frame is torn repeatedly, and repaired before it
 * returns. */
static __attribute__((noinline)) void tear(specimen_trace *at) {
    SPECIMEN_ENTER(at);
    sp_registers registers;
    sp_registers_capture(&registers);
    take_from(&registers);
    uintptr_t *words = (uintptr_t *)at->ends[at->depth - 1];
    size_t count = (taken.ends[taken.count - 2] - (uintptr_t)words) / sizeof *words; /* up to where the thread began */
    CHECK(count <= WORDS_MAX);
    memcpy(saved, words, count * sizeof *words);
    for (int i = 0; i < TEARS; i++) {
        tear_words(words, count);
        unwind_torn(&registers);
        memcpy(words, saved, count * sizeof *words);
    }
    take_from(&registers);
    CHECK(!taken.truncated);
    check_traced(at, 1);
}

/* The ways of keeping frames and the kinds of functions that a stack may mix with functions without a table. */
#if defined(__x86_64__)
#define FIRST_WAY 0
#define KINDS(way) ((way) == 3 ? 4 : 6)
#elif defined(__aarch64__)
/* On aarch64 a frame pointer points at the low end of a frame. So the caller's own frame pointer shows where its
 * frame begins, if there is nothing of unknown size below it. */
#define FIRST_WAY 1
#define KINDS(way) 2
#endif

static specimen_function *random_function(bool all_described) {
    specimen_function *const *const ways[] = {specimen_without_frame_pointer, specimen_with_frame_pointer,
                                              specimen_unoptimized, specimen_only_frame_pointer};
    static const unsigned kinds[] = {SPECIMEN_plain,    SPECIMEN_saving,    SPECIMEN_arguments,
                                     SPECIMEN_variable, SPECIMEN_realigned, SPECIMEN_realigned_variable};
    if (all_described && random_below(&seed, 10) == 0) return specimen_by_saved_register;
    size_t way = all_described ? random_below(&seed, 3) : FIRST_WAY + random_below(&seed, 4 - FIRST_WAY);
    return ways[way][kinds[random_below(&seed, all_described ? 6 : KINDS(way))]];
}

static void tear_random_script(void) {
    size_t length = 2 + random_below(&seed, 20);
    bool all_described = random_below(&seed, 2);
    for (size_t i = 0; i < length; i++) script[i] = random_function(all_described);
    script[length] = tear;
    trace.sum = random_below(&seed, 500);
    run_script(&trace, script);
}

static void *tear_scripts(void *argument) {
    (void)argument;
    for (int i = 0; i < SCRIPTS; i++) tear_random_script();
    return NULL;
}

/* ---- Stacks ---- */

static uint8_t *map_hidden(size_t bytes) {
    uint8_t *memory = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(memory != MAP_FAILED);
    return memory;
}

static void tear_in_thread(void) {
    pthread_attr_t attributes;
    pthread_t thread;
    hidden = map_hidden(HIDDEN_BYTES);
    stack = map_hidden(3 * STACK_BYTES) + STACK_BYTES;
    assert_int_equal(mprotect(stack, STACK_BYTES, PROT_READ | PROT_WRITE), 0);
    signal(SIGUSR1, handle);
    raise(SIGUSR1);
    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstack(&attributes, stack, STACK_BYTES), 0);
    assert_int_equal(pthread_create(&thread, &attributes, tear_scripts, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(seen.truncated > SCRIPTS * TEARS / 10);
    assert_true(seen.whole > SCRIPTS * TEARS / 100);
}

TEST(test_a_hundred_thousand_torn_stacks_end_and_read_nothing_that_cannot_be_read) {
    sp_unwind_prepare();
    tear_in_thread();
}

/* This uses the table of objects, as with glibc before 2.35. */
TEST(test_torn_stacks_end_by_a_table_of_objects_too) {
    sp_unwind_prepare();
    sp_objects_prepare(false);
    seed = 1;
    tear_in_thread();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_hundred_thousand_torn_stacks_end_and_read_nothing_that_cannot_be_read),
        cmocka_unit_test(test_torn_stacks_end_by_a_table_of_objects_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
