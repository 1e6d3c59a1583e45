/* test_cpu.c: the CPU profiler and the stacks of threads, on macOS or under run_macho. */
#include "names.h"
#include "tap.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define MILLISECOND UINT64_C(1000000)

static uint64_t cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000 * MILLISECOND + (uint64_t)now.tv_nsec;
}

/* Each function computes; only one call in thousands asks for the time. */
#define BUSY(name)                                                                                                     \
    static __attribute__((noinline)) uint64_t name(uint64_t rounds) {                                                  \
        uint64_t word = rounds;                                                                                        \
        for (uint64_t i = 0; i < rounds; i++) {                                                                        \
            word = word * 6364136223846793005u + 1;                                                                    \
            __asm__ volatile("" : "+r"(word));                                                                         \
        }                                                                                                              \
        return word;                                                                                                   \
    }
BUSY(busy_with_one)
BUSY(busy_with_another)

#define ROUNDS 5000000 /* about ten milliseconds */

typedef struct load {
    uint64_t (*function)(uint64_t rounds);
    uint64_t for_ns, used_ns, thread_id;
} load;

static void *work(void *data) {
    load *one = data;
    uint64_t start = cpu_ns();
    pthread_threadid_np(NULL, &one->thread_id);
    while (cpu_ns() - start < one->for_ns) one->function(ROUNDS);
    one->used_ns = cpu_ns() - start;
    return NULL;
}

/* ---- Samples ---- */

#define SAMPLES_MAX 100000
static spprof_cpu_sample samples[SAMPLES_MAX];
#define SITES_MAX 4096
static spprof_site sites[SITES_MAX];
static uint64_t frames[SITES_MAX * 32];

/* Return the weight of a thread's samples: of all, or of those whose stack has a function. */
static uint64_t weight_of(const load *one, size_t count, const char *function) {
    size_t site_count, frame_count;
    uint64_t sum = 0;
    spprof_keep_stacks();
    CHECK(spprof_copy_stacks(true, sites, SITES_MAX, &site_count, frames, sizeof frames / 8, &frame_count));
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < site_count; k++) {
            bool is_wanted = samples[i].thread_id == (uint32_t)one->thread_id;
            if (!is_wanted || spprof_stack_slot(sites[k].stack_id) != samples[i].stack) continue;
            spprof_stack stack = {.frames = frames + sites[k].first_frame, .count = sites[k].frame_count};
            names found = names_of(&stack);
            if (!function || names_include(&found, (const char *const[]){function, "work", "start_thread", NULL}))
                sum += samples[i].weight_ns;
        }
    spprof_let_stacks_go();
    return sum;
}

static void profile(bool wall, load *loads, int count) {
    pthread_t threads[8];
    CHECK(spprof_cpu_start(&(spprof_cpu_plan){.interval_ns = MILLISECOND, .wall = wall, .native = true}) ==
          SPPROF_CPU_OK);
    for (int i = 0; i < count; i++) CHECK(pthread_create(&threads[i], NULL, work, &loads[i]) == 0);
    for (int i = 0; i < count; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(spprof_cpu_stop() == SPPROF_CPU_OK);
}

static void check_load(const load *one, size_t count, const char *function, const char *other) {
    uint64_t all = weight_of(one, count, NULL), inside = weight_of(one, count, function);
    printf("# %s: %lu ms in it, %lu ms of the thread's %lu ms\n", function, (unsigned long)(inside / MILLISECOND),
           (unsigned long)(all / MILLISECOND), (unsigned long)(one->used_ns / MILLISECOND));
    CHECK(all <= one->used_ns + MILLISECOND && all > one->used_ns * 8 / 10);
    CHECK(inside > all * 7 / 10);
    CHECK(weight_of(one, count, other) == 0);
}

static uint64_t samples_of_self(size_t count) {
    uint64_t self, sum = 0;
    pthread_threadid_np(NULL, &self);
    for (size_t i = 0; i < count; i++) sum += samples[i].thread_id == (uint32_t)self;
    return sum;
}

/* This thread sleeps in the meantime, and should not be woken at every interval. */
static void test_weights_go_to_the_function_that_used_the_time(void) {
    load loads[] = {{.function = busy_with_one, .for_ns = 600 * MILLISECOND},
                    {.function = busy_with_another, .for_ns = 300 * MILLISECOND}};
    spprof_cpu_stats stats;
    profile(false, loads, 2);
    spprof_cpu_get_stats(&stats);
    size_t count = spprof_cpu_copy(samples, SAMPLES_MAX);
    CHECK(count > 100 && count <= SAMPLES_MAX);
    check_load(&loads[0], count, "busy_with_one", "busy_with_another");
    check_load(&loads[1], count, "busy_with_another", "busy_with_one");
    CHECK(samples_of_self(count) < 20);
    CHECK(stats.weight_ns <= stats.process_ns + MILLISECOND);
    CHECK(stats.by_thread);
    CHECK(!stats.displaced && !stats.gave_up);
}

static void test_wall_mode_weighs_sleep(void) {
    load one = {.function = busy_with_one, .for_ns = 200 * MILLISECOND};
    spprof_cpu_stats stats;
    profile(true, &one, 1);
    spprof_cpu_get_stats(&stats);
    CHECK(stats.samples > 20);
    CHECK(stats.weight_ns >= one.used_ns);
}

static void test_sessions_can_follow_each_other(void) {
    for (int i = 0; i < 20; i++) {
        load one = {.function = busy_with_one, .for_ns = 10 * MILLISECOND};
        profile(i % 2, &one, 1);
    }
    spprof_cpu_stats stats;
    spprof_cpu_get_stats(&stats);
    CHECK(!stats.active);
    CHECK(stats.sessions >= 20);
}

static void *use_little(void *data) {
    busy_with_another(ROUNDS);
    return data;
}

static void test_short_threads_do_no_harm(void) {
    CHECK(spprof_cpu_start(&(spprof_cpu_plan){.interval_ns = MILLISECOND, .native = true}) == SPPROF_CPU_OK);
    for (int i = 0; i < 200; i++) {
        pthread_t threads[8];
        for (int k = 0; k < 8; k++) CHECK(pthread_create(&threads[k], NULL, use_little, NULL) == 0);
        for (int k = 0; k < 8; k++) CHECK(pthread_join(threads[k], NULL) == 0);
    }
    CHECK(spprof_cpu_stop() == SPPROF_CPU_OK);
}

/* ---- Stacks of threads ---- */

static _Atomic bool begun, ending;

static __attribute__((noinline)) void *wait_busily(void *data) {
    begun = true;
    while (!ending) busy_with_one(1000);
    return data;
}

static bool shows(size_t count, const char *function) {
    for (size_t i = 0; i < count; i++) {
        spprof_thread_stack one;
        spprof_thread_stacks_get(i, &one);
        names found = names_of(&one.stack);
        if (one.absence == SPPROF_THREAD_PRESENT && names_include(&found, (const char *const[]){function, NULL}))
            return true;
        fprintf(stderr, "# thread %u %s state %c absence %d\n", one.thread_id, one.name, one.state, (int)one.absence);
        names_print(&found);
    }
    return false;
}

static void test_stacks_of_other_threads(void) {
    pthread_t thread;
    size_t count, left_out;
    CHECK(spprof_thread_stacks_prepare() == SPPROF_THREAD_STACKS_OK);
    CHECK(pthread_create(&thread, NULL, wait_busily, NULL) == 0);
    while (!begun) sched_yield();
    CHECK(spprof_thread_stacks_take(2000 * MILLISECOND, &count, &left_out) == SPPROF_THREAD_STACKS_OK);
    CHECK(count == 1 && left_out == 0);
    CHECK(shows(count, "wait_busily"));
    spprof_thread_stacks_give_back();
    ending = true;
    CHECK(pthread_join(thread, NULL) == 0);
}

int main(void) {
    RUN(test_weights_go_to_the_function_that_used_the_time);
    RUN(test_wall_mode_weighs_sleep);
    RUN(test_sessions_can_follow_each_other);
    RUN(test_short_threads_do_no_harm);
    RUN(test_stacks_of_other_threads);
    return EXIT_SUCCESS;
}
