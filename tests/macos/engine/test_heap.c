/* test_heap.c: the heap profiler through its exported functions, on macOS or under run_macho: every report of malloc
 * becomes a sample, so all values are exact. */
#include "frames.h"
#include "names.h"
#include "tap.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef void malloc_logger_function(uint32_t type, uintptr_t zone, uintptr_t second, uintptr_t third, uintptr_t result,
                                    uint32_t frames_to_skip);
extern malloc_logger_function *malloc_logger; /* libmalloc's */

static spprof_stats stats(void) {
    spprof_stats now;
    spprof_get_stats(&now);
    CHECK(now.total_samples == now.live_samples + now.freed_samples);
    return now;
}

static void start(uint32_t rate, const uint64_t *seed) {
    spprof_set_native(true);
    CHECK(spprof_patch() > 0);
    CHECK(spprof_start(rate, seed) == SPPROF_OK);
}

static void stop(void) {
    CHECK(spprof_stop() == SPPROF_OK);
}

#define SAMPLES_MAX (1 << 17)
static spprof_sample samples[SAMPLES_MAX];

static bool find_sample(const void *address, spprof_sample *found) {
    size_t count = spprof_copy_live(samples, SAMPLES_MAX);
    CHECK(count <= SAMPLES_MAX);
    for (size_t i = 0; i < count; i++) {
        if (samples[i].address != (uint64_t)(uintptr_t)address) continue;
        *found = samples[i];
        return true;
    }
    return false;
}

/* ---- Stacks ---- */

static __attribute__((noinline)) void *allocate(void *data) {
    void *block = malloc(*(size_t *)data);
    __asm__ volatile("" : "+r"(block));
    return block;
}

static void check_stack(void *block, size_t size, const char *const *wanted) {
    spprof_sample sample;
    spprof_stack stack;
    CHECK(find_sample(block, &sample));
    CHECK(sample.size == size);
    CHECK(spprof_stack_get(sample.stack_id, &stack));
    names found = names_of(&stack);
    if (!names_include(&found, wanted) || found.truncated) names_print(&found);
    CHECK(names_include(&found, wanted));
    CHECK(!found.truncated);
}

static void test_stacks_of_each_kind_of_frame_are_whole(void) {
    static const struct {
        void *(*call)(frames_work *, void *);
        const char *names[8];
    } kinds[] = {
        {framed_outer, {"allocate", "framed_inner", "framed_middle", "framed_outer"}},
        {frameless_outer, {"allocate", "frameless_inner", "frameless_middle", "frameless_outer"}},
        {dwarf_frame, {"allocate", "dwarf_frame"}},
    };
    start(0, NULL);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t size = 1000 + i;
        void *block = kinds[i].call(allocate, &size);
        check_stack(block, size, kinds[i].names);
        check_stack(block, size, (const char *const[]){"main", NULL});
        free(block);
    }
    stop();
}

static void *allocate_on_thread(void *data) {
    void *block = frameless_outer(allocate, data);
    __asm__ volatile("" : "+r"(block));
    return block;
}

static void test_stack_of_a_thread_ends_at_its_first_function(void) {
    pthread_t thread;
    void *block;
    size_t size = 2000;
    start(0, NULL);
    CHECK(pthread_create(&thread, NULL, allocate_on_thread, &size) == 0);
    CHECK(pthread_join(thread, &block) == 0);
    check_stack(block, size, (const char *const[]){"frameless_outer", "allocate_on_thread", NULL});
    free(block);
    stop();
}

/* ---- The live set ---- */

#define THREADS 8
#define EVENTS 12500 /* of each thread */
#define SLOTS 512

typedef struct slot {
    atomic_flag taken;
    void *block;
    size_t size;
} slot;
static slot slots[SLOTS];
static _Atomic uint64_t allocations;

static void act(slot *one, uint64_t *seed) {
    size_t size = 1 + random_below(seed, random_below(seed, 8) ? 200 : 20000);
    if (!one->block) {
        one->block = random_below(seed, 2) ? malloc(size) : calloc(1, size);
        allocations++;
    } else if (random_below(seed, 3)) {
        one->block = realloc(one->block, size);
        allocations++;
    } else {
        free(one->block);
        one->block = NULL;
    }
    one->size = size;
}

static void *act_often(void *number) {
    uint64_t seed = (uintptr_t)number;
    for (int i = 0; i < EVENTS; i++) {
        slot *one = &slots[random_below(&seed, SLOTS)];
        if (atomic_flag_test_and_set(&one->taken)) continue;
        act(one, &seed);
        atomic_flag_clear(&one->taken);
    }
    return NULL;
}

static void run_threads(void *(*work)(void *), int count) {
    pthread_t threads[64];
    for (int i = 0; i < count; i++) CHECK(pthread_create(&threads[i], NULL, work, (void *)(intptr_t)(i + 1)) == 0);
    for (int i = 0; i < count; i++) CHECK(pthread_join(threads[i], NULL) == 0);
}

static uint64_t dropped(const spprof_stats *now) {
    uint64_t sum = 0;
    for (int i = 0; i < SPPROF_DROP_REASON_COUNT; i++) sum += now->dropped[i];
    return sum;
}

static void check_slots(const spprof_stats *before) {
    uint64_t blocks = 0, bytes = 0;
    for (int i = 0; i < SLOTS; i++) {
        spprof_sample sample;
        if (!slots[i].block) continue;
        CHECK(find_sample(slots[i].block, &sample));
        CHECK(sample.size == slots[i].size);
        blocks++;
        bytes += slots[i].size;
    }
    spprof_stats now = stats();
    CHECK(now.live_samples - before->live_samples == blocks);
    CHECK(now.live_bytes - before->live_bytes == bytes * SPPROF_BYTES_ONE);
    CHECK(now.live_objects - before->live_objects == blocks * SPPROF_OBJECTS_ONE);
    CHECK(dropped(&now) == dropped(before));
}

static void free_slots(void) {
    for (int i = 0; i < SLOTS; i++) {
        free(slots[i].block);
        slots[i].block = NULL;
    }
}

static void test_live_set_is_exact_after_random_calls_on_threads(void) {
    start(0, NULL);
    spprof_stats before = stats();
    allocations = 0;
    run_threads(act_often, THREADS);
    check_slots(&before);
    CHECK(stats().total_samples - before.total_samples == allocations);
    free_slots();
    CHECK(stats().live_samples == before.live_samples);
    stop();
}

/* ---- Estimates ---- */

#define BLOCKS 100000
#define RATE 4096

/* Each block of s bytes has probability p, and the estimate's variance is the sum of s²(1 − p)/p. Five standard
 * deviations are exceeded once in 1.7 million runs; the seed makes it always the same run. */
static void test_estimate_is_unbiased(void) {
    static void *blocks[BLOCKS];
    uint64_t seed = 20221, sizes = 1, bytes = 0;
    double variance = 0;
    start(RATE, &seed);
    spprof_stats before = stats();
    for (int i = 0; i < BLOCKS; i++) {
        size_t size = 16 + random_below(&sizes, 1000);
        double probability = spprof_weigh(size, RATE).probability;
        blocks[i] = malloc(size);
        bytes += size;
        variance += (double)size * (double)size * (1 - probability) / probability;
    }
    spprof_stats after = stats();
    double error = (double)(after.live_bytes - before.live_bytes) / SPPROF_BYTES_ONE - (double)bytes;
    CHECK(error * error < 25 * variance);
    CHECK(after.total_samples > before.total_samples + 1000);
    for (int i = 0; i < BLOCKS; i++) free(blocks[i]);
    CHECK(stats().live_bytes == before.live_bytes);
    stop();
}

/* ---- libmalloc's variable ---- */

static _Atomic uint64_t calls_of_another;

static void another_logger(uint32_t type, uintptr_t zone, uintptr_t second, uintptr_t third, uintptr_t result,
                           uint32_t frames_to_skip) {
    (void)type, (void)zone, (void)second, (void)third, (void)result, (void)frames_to_skip;
    calls_of_another++;
}

static void touch(size_t size) {
    void *block = malloc(size);
    __asm__ volatile("" : "+r"(block));
    free(block);
}

static void test_stop_leaves_the_variable_as_before_the_start(void) {
    CHECK(malloc_logger == NULL);
    start(0, NULL);
    CHECK(malloc_logger != NULL);
    stop();
    CHECK(malloc_logger == NULL);
}

static void test_logger_of_another_tool_is_kept(void) {
    malloc_logger = another_logger;
    start(0, NULL);
    CHECK(malloc_logger != another_logger);
    uint64_t before = calls_of_another, sampled = stats().total_samples;
    touch(100);
    CHECK(calls_of_another == before + 2);
    CHECK(stats().total_samples == sampled + 1);
    stop();
    CHECK(malloc_logger == another_logger);
    touch(100);
    CHECK(calls_of_another == before + 4);
    CHECK(stats().total_samples == sampled + 1);
    malloc_logger = NULL;
}

static void test_nothing_is_sampled_while_stopped(void) {
    start(0, NULL);
    stop();
    uint64_t before = stats().total_samples;
    touch(1 << 20);
    CHECK(stats().total_samples == before);
}

/* ---- Threads and forks ---- */

static void *touch_on_thread(void *number) {
    touch((size_t)(uintptr_t)number);
    return NULL;
}

static void run_short_threads(int rounds, int at_once) {
    for (int i = 0; i < rounds; i++) run_threads(touch_on_thread, at_once);
}

/* Threads that follow each other use the same memory again. */
static void test_short_threads_leave_nothing(void) {
    start(0, NULL);
    run_short_threads(20, 1);
    spprof_stats before = stats();
    run_short_threads(3000, 1);
    CHECK(stats().mapped_bytes == before.mapped_bytes);
    run_short_threads(200, 16);
    spprof_stats after = stats();
    CHECK(after.total_samples - before.total_samples == 3000 + 200 * 16);
    CHECK(after.live_samples == before.live_samples);
    stop();
}

static int work_in_child(void) {
    spprof_stats before = stats();
    allocations = 0;
    run_threads(act_often, 2);
    uint64_t made = stats().total_samples - before.total_samples;
    size_t size = 3000;
    check_stack(frameless_outer(allocate, &size), size, (const char *const[]){"frameless_outer", NULL});
    return made == allocations ? 0 : 1;
}

static _Atomic bool ending;

static void *touch_until_the_end(void *number) {
    while (!ending) touch((size_t)(uintptr_t)number * 100);
    return NULL;
}

static void test_children_of_a_busy_process_go_on(void) {
    pthread_t threads[4];
    start(0, NULL);
    for (int i = 0; i < 4; i++) CHECK(pthread_create(&threads[i], NULL, touch_until_the_end, (void *)1) == 0);
    for (int i = 0; i < 20; i++) {
        int status;
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) _exit(work_in_child());
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(status == 0);
    }
    ending = true;
    for (int i = 0; i < 4; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    stop();
}

int main(void) {
    RUN(test_stacks_of_each_kind_of_frame_are_whole);
    RUN(test_stack_of_a_thread_ends_at_its_first_function);
    RUN(test_live_set_is_exact_after_random_calls_on_threads);
    RUN(test_estimate_is_unbiased);
    RUN(test_stop_leaves_the_variable_as_before_the_start);
    RUN(test_logger_of_another_tool_is_kept);
    RUN(test_nothing_is_sampled_while_stopped);
    RUN(test_short_threads_leave_nothing);
    RUN(test_children_of_a_busy_process_go_on);
    return EXIT_SUCCESS;
}
