/* The stacks of samples, with the library preloaded. */
#include "specimens.h"
#include "spprof.h"
#include "tap.h"
#include "traps.h"

#include <pthread.h>
#include <string.h>

DECLARE_PLACE(allocating);
DECLARE_PLACE(freeing);
DECLARE_PLACE(top);
DECLARE_PLACE(thread_body);
DECLARE_PLACE(main);

/* ---- Samples ---- */

static spprof_sample samples[64];

/* Every allocation is sampled, so its size identifies it. */
static spprof_sample sample_of_size(size_t size) {
    size_t live = spprof_copy_live(samples, sizeof samples / sizeof *samples);
    CHECK(live <= sizeof samples / sizeof *samples);
    for (size_t i = 0; i < live; i++)
        if (samples[i].size == size) return samples[i];
    CHECK(!"a sample of this size");
    return samples[0];
}

static void read_stack(size_t size, stack *taken) {
    spprof_stack kept;
    CHECK(spprof_stack_get(sample_of_size(size).stack_id, &kept));
    *taken = (stack){.count = kept.count, .depth_limited = kept.depth_limited, .truncated = kept.truncated};
    for (size_t i = 0; i < kept.count; i++) {
        CHECK(kept.frames[i] >> SPPROF_FRAME_GENERATION_SHIFT == 0);
        taken->addresses[i] = kept.frames[i];
    }
}

static stack taken;

/* Check that the sample's stack has these places from frame `first` on, and reaches `last`. */
static void check_sample(size_t size, size_t first, const place *expected, size_t count, const place *last) {
    read_stack(size, &taken);
    CHECK(stack_find(&taken, 0, &expected[0]) == first);
    size_t behind = check_frames(&taken, expected, count);
    CHECK(stack_find(&taken, behind, last) < taken.count);
    CHECK(!taken.truncated && !taken.depth_limited);
}

/* ---- Chains ---- */

typedef struct request {
    size_t size;
    void *block;
} request;

static PLACED(allocating) void allocate(void *argument) {
    request *asked = argument;
    asked->block = malloc(asked->size);
    __asm__ volatile(""); /* prevents a tail call */
}

static PLACED(top) void call(const specimen *one, request *asked) {
    const specimen *listed[] = {one, NULL};
    chain whole = {.next = listed, .last = allocate, .argument = asked};
    go_on(&whole);
}

static void check_chain(const specimen *one, size_t size, const place *last) {
    request asked = {.size = size};
    call(one, &asked);
    const place expected[] = {PLACE(allocating), one->place, PLACE(top)};
    check_sample(size, 0, expected, 3, last);
    free(asked.block);
}

static void test_a_sample_has_the_stack_of_its_caller(void) {
    for (size_t i = 0; i < specimen_set_count; i++)
        for (size_t kind = 0; kind < specimen_sets[i]->caller_count; kind++)
            check_chain(&specimen_sets[i]->callers[kind], 1000 + 100 * i + kind, &PLACE(main));
}

static PLACED(thread_body) void *run_in_thread(void *argument) {
    check_chain(argument, 5001, &PLACE(thread_body));
    return NULL;
}

static void test_a_sample_of_another_thread(void) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, run_in_thread, (void *)&specimen_sets[0]->callers[4]) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

/* ---- The rest of the family ---- */

static PLACED(allocating) __attribute__((noinline)) void *allocate_otherwise(int way, size_t size) {
    void *block = NULL;
    if (way == 0) block = calloc(size / 10, 10);
    if (way == 1) block = realloc(NULL, size);
    if (way == 2) block = aligned_alloc(64, size);
    if (way == 3) CHECK(posix_memalign(&block, 64, size) == 0);
    __asm__ volatile("" : "+r"(block));
    return block;
}

static void test_samples_of_the_whole_family(void) {
    for (int way = 0; way < 4; way++) {
        size_t size = 6400 + 640 * (size_t)way;
        void *block = allocate_otherwise(way, size);
        check_sample(size, 0, &PLACE(allocating), 1, &PLACE(main));
        free(block);
        spprof_stats stats;
        spprof_get_stats(&stats);
        CHECK(stats.missed_frees == 0);
    }
}

/* strdup calls the hook through libc's own slot. */
static PLACED(freeing) void *copy_text(const char *text) {
    void *copy = strdup(text);
    __asm__ volatile("" : "+r"(copy));
    return copy;
}

static void test_a_sample_that_libc_asked_for(void) {
    char text[7777];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    void *copy = copy_text(text);
    check_sample(sizeof text, 1, &PLACE(freeing), 1, &PLACE(main));
    free(copy);
}

/* ---- In a handler ---- */

static void allocate_in_handler(const ucontext_t *context, void *argument) {
    (void)context, (void)argument;
    allocate(argument);
    __asm__ volatile("");
}

static PLACED(top) void call_leaf(void *argument) {
    (void)argument;
    specimen_sets[0]->leaves[0].function(NULL);
    __asm__ volatile("");
}

static void test_a_sample_in_a_handler_that_interrupts_a_leaf(void) {
    const place leaf = specimen_sets[0]->leaves[0].place;
    request asked = {.size = 8888};
    trap_prepare(false);
    CHECK(trap_run(leaf.start, allocate_in_handler, call_leaf, &asked));
    check_sample(8888, 0, &PLACE(allocating), 1, &PLACE(trap_handler));
    check_frames(&taken, (place[]){leaf, PLACE(top)}, 2);
    CHECK(stack_find(&taken, 0, &PLACE(main)) < taken.count);
    free(asked.block);
}

/* ---- Modules ---- */

static void test_every_frame_lies_in_a_module(void) {
    request asked = {.size = 9999};
    call(&specimen_sets[0]->callers[0], &asked);
    read_stack(9999, &taken);
    for (size_t i = 0; i < taken.count; i++) {
        spprof_module module;
        uint32_t index = 0;
        while (spprof_module_get(index, &module) &&
               !(taken.addresses[i] - 1 >= module.start && taken.addresses[i] - 1 < module.end))
            index++;
        CHECK(spprof_module_get(index, &module) && module.path[0] == '/' && module.build_id_length == 20);
    }
    free(asked.block);
}

PLACED(main) int main(void) {
    CHECK(spprof_version); /* the library is preloaded */
    CHECK(spprof_start(0, NULL) == SPPROF_OK);
    RUN(test_a_sample_has_the_stack_of_its_caller);
    RUN(test_a_sample_of_another_thread);
    RUN(test_samples_of_the_whole_family);
    RUN(test_a_sample_that_libc_asked_for);
    RUN(test_a_sample_in_a_handler_that_interrupts_a_leaf);
    RUN(test_every_frame_lies_in_a_module);
    return EXIT_SUCCESS;
}
