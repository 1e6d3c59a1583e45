/* The malloc family as seen by a program running under LD_PRELOAD=libspprof_alloc.so. This program itself is run that
 * way.
 */
#include "spprof.h"
#include "support.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* These are from C23; the library defines them whether or not libc does. */
__attribute__((weak)) void free_sized(void *address, size_t size);
__attribute__((weak)) void free_aligned_sized(void *address, size_t alignment, size_t size);

#define UNTOUCHED 123

static spprof_stats stats(void) {
    spprof_stats stats;
    spprof_get_stats(&stats);
    return stats;
}

static void start(uint32_t rate) {
    assert_int_equal(spprof_start(rate, NULL), SPPROF_OK);
}

static void assert_live(uint64_t samples, uint64_t bytes) {
    spprof_stats now = stats();
    assert_int_equal(now.live_samples, samples);
    assert_int_equal(now.live_bytes, bytes * SPPROF_BYTES_ONE);
    assert_int_equal(now.live_objects, samples * SPPROF_OBJECTS_ONE);
    assert_int_equal(now.missed_frees, 0);
}

/* Hide the value from the compiler, which would otherwise remove calls that it understands. */
static size_t opaque(size_t size) {
    __asm__("" : "+r"(size));
    return size;
}

TEST(test_the_library_is_preloaded_and_sleeps_until_it_is_started) {
    assert_non_null(spprof_version);
    assert_string_equal(spprof_library_path(), getenv("TEST_LIBRARY"));
    assert_false(spprof_is_active());
    free(malloc(opaque(100)));
    assert_int_equal(stats().total_samples, 0);
}

/* Until the profiler is used, the library's entries lead to the originals, and nothing is counted. */
TEST(test_a_library_that_nobody_uses_counts_nothing) {
    /* This program does not link the library: a variable of that name would be the program's own copy. */
    const spprof_thread *self = dlsym(RTLD_DEFAULT, "spprof_this_thread");
    int64_t before = self->countdown;
    void *block = realloc(malloc(opaque(100)), opaque(200));
    free(calloc(opaque(1), 300));
    free(block);
    assert_true(self->countdown == before);
}

TEST(test_a_probe_wakes_the_library_before_the_first_start) {
    spprof_probe_begin();
    void *block = realloc(malloc(opaque(100)), opaque(200));
    free(calloc(opaque(1), 300));
    free(block);
    assert_int_equal(spprof_probe_end(), 600);
}

/* ---- Each member of the family ---- */

static void *from_malloc(size_t size) {
    return malloc(size);
}

static void *from_calloc(size_t size) {
    unsigned char *block = calloc(opaque(1), size);
    for (size_t i = 0; i < size; i++) assert_int_equal(block[i], 0);
    return block;
}

static void *from_calloc_of_many(size_t size) {
    return calloc(size / 7, opaque(7)); /* the sizes below are multiples of 7 */
}

static void *from_realloc(size_t size) {
    return realloc(NULL, size);
}

static void *from_reallocarray(size_t size) {
    return reallocarray(NULL, size / 7, opaque(7));
}

static void *from_posix_memalign(size_t size) {
    void *block = NULL;
    assert_int_equal(posix_memalign(&block, 4096, size), 0);
    return block;
}

static void *from_aligned_alloc(size_t size) {
    return aligned_alloc(opaque(256), size);
}

static void *from_memalign(size_t size) {
    return memalign(opaque(1024), size);
}

static void *from_valloc(size_t size) {
    return valloc(size);
}

static void *from_pvalloc(size_t size) {
    return pvalloc(size);
}

typedef struct member {
    void *(*allocate)(size_t size);
    size_t alignment;
} member;

static const member members[] = {
    {from_malloc, 16},       {from_calloc, 16},           {from_calloc_of_many, 16}, {from_realloc, 16},
    {from_reallocarray, 16}, {from_posix_memalign, 4096}, {from_aligned_alloc, 256}, {from_memalign, 1024},
    {from_valloc, 4096},     {from_pvalloc, 4096},
};
#define MEMBERS (sizeof members / sizeof *members)

static const size_t sizes[] = {0, 7, 56, 700, 7000, 7 << 20, 70 << 20};
#define SIZES (sizeof sizes / sizeof *sizes)

static void *assert_counted_once(const member *member, size_t size) {
    uint64_t before = stats().total_samples;
    errno = UNTOUCHED;
    void *block = member->allocate(size);
    assert_int_equal(errno, UNTOUCHED);
    assert_non_null(block);
    assert_int_equal((uintptr_t)block % member->alignment, 0);
    assert_true(malloc_usable_size(block) >= size);
    assert_int_equal(stats().total_samples, before + 1);
    assert_live(1, size);
    return block;
}

TEST(test_each_member_of_the_family_is_counted_once_with_its_size) {
    start(0);
    for (size_t i = 0; i < MEMBERS; i++) {
        for (size_t j = 0; j < SIZES; j++) {
            void *block = assert_counted_once(&members[i], sizes[j]);
            memset(block, 0xAB, sizes[j]);
            errno = UNTOUCHED;
            free(block);
            assert_int_equal(errno, UNTOUCHED);
            assert_live(0, 0);
        }
    }
    assert_int_equal(stats().total_samples, MEMBERS * SIZES);
    assert_int_equal(stats().freed_samples, MEMBERS * SIZES);
}

TEST(test_sized_frees_end_their_samples) {
    start(0);
    assert_true(free_sized && free_aligned_sized);
    free_sized(malloc(opaque(100)), 100);
    free_aligned_sized(aligned_alloc(opaque(64), 128), 64, 128);
    assert_int_equal(stats().freed_samples, 2);
    assert_live(0, 0);
}

TEST(test_freeing_nothing_does_nothing) {
    start(0);
    errno = UNTOUCHED;
    free(NULL);
    free_sized(NULL, 0);
    free_aligned_sized(NULL, 0, 0);
    assert_int_equal(errno, UNTOUCHED);
    assert_int_equal(stats().total_samples, 0);
}

/* ---- Allocations by libc for the program ---- */

TEST(test_strings_are_counted_once) {
    start(0);
    char *copy = strdup("twelve bytes");
    assert_live(1, 13);
    char *part = strndup("twelve bytes", 6);
    assert_live(2, 20);
    free(copy);
    free(part);
    assert_int_equal(stats().total_samples, 2);
    assert_live(0, 0);
}

TEST(test_what_asprintf_returns_is_one_block) {
    start(0);
    char *text;
    assert_int_equal(asprintf(&text, "%0*d", 5000, 1), 5000);
    assert_int_equal(stats().live_samples, 1);
    assert_in_range(stats().live_bytes / SPPROF_BYTES_ONE, 5001, 10002);
    free(text);
    assert_live(0, 0);
}

TEST(test_the_buffer_of_getline_is_one_block_however_it_grows) {
    FILE *file = tmpfile();
    for (int i = 0; i < 3000; i++) fputs("more", file);
    fputs("\nshort\n", file);
    rewind(file);
    (void)getc(file); /* allocates the file's buffer */
    start(0);
    char *line = NULL;
    size_t capacity = 0;
    assert_int_equal(getline(&line, &capacity, file), 12000);
    assert_live(1, capacity);
    assert_int_equal(getline(&line, &capacity, file), 6);
    assert_live(1, capacity);
    free(line);
    assert_live(0, 0);
}

/* ---- Reallocations ---- */

TEST(test_a_chain_of_reallocs_is_one_block_of_the_latest_size) {
    start(0);
    uint64_t seed = 1;
    unsigned char *block = malloc(opaque(1));
    block[0] = 99;
    for (uint64_t i = 1; i <= 2000; i++) {
        size_t size = 1 + random_below(&seed, i % 50 == 0 ? 1 << 20 : 3000);
        errno = UNTOUCHED;
        block = i % 2 ? realloc(block, size) : reallocarray(block, 1, size);
        assert_int_equal(errno, UNTOUCHED);
        assert_int_equal(block[0], 99);
        assert_live(1, size);
        assert_int_equal(stats().total_samples, i + 1);
    }
    free(block);
    assert_live(0, 0);
}

TEST(test_aligned_blocks_are_followed_through_realloc) {
    start(0);
    for (size_t i = 0; i < MEMBERS; i++) {
        void *block = members[i].allocate(700);
        block = realloc(block, opaque(1400));
        assert_live(1, 1400);
        free(block);
        assert_live(0, 0);
    }
}

TEST(test_a_realloc_to_nothing_frees) {
    start(0);
    void *block = malloc(opaque(100));
    errno = UNTOUCHED;
    assert_null(realloc(block, opaque(0)));
    assert_int_equal(errno, UNTOUCHED);
    assert_live(0, 0);
    assert_null(reallocarray(malloc(opaque(100)), opaque(0), 8));
    assert_live(0, 0);
}

TEST(test_a_realloc_that_fails_leaves_the_block_and_its_sample) {
    start(0);
    char *block = malloc(opaque(100));
    strcpy(block, "still here");
    static const size_t impossible[] = {PTRDIFF_MAX - 100, PTRDIFF_MAX, (size_t)PTRDIFF_MAX + 1, SIZE_MAX};
    for (int i = 0; i < 4; i++) {
        errno = 0;
        assert_null(realloc((void *)opaque((uintptr_t)block), opaque(impossible[i])));
        assert_int_equal(errno, ENOMEM);
        errno = 0;
        assert_null(reallocarray((void *)opaque((uintptr_t)block), opaque(impossible[i]), 2));
        assert_int_equal(errno, ENOMEM);
        assert_live(1, 100);
    }
    assert_string_equal(block, "still here");
    free(block);
    assert_live(0, 0);
    assert_int_equal(stats().total_samples, 1);
}

/* ---- Failures ---- */

TEST(test_impossible_sizes_fail_as_without_the_library_and_harm_nothing) {
    static const size_t impossible[] = {PTRDIFF_MAX - 100, PTRDIFF_MAX, (size_t)PTRDIFF_MAX + 1, SIZE_MAX,
                                        (size_t)1 << 62};
    for (uint32_t round = 0; round < 3; round++) {
        start(round == 1 ? 1000 : 0);
        for (int i = 0; i < 5; i++) {
            size_t size = opaque(impossible[i]);
            void *block = &block;
            errno = 0;
            assert_null(malloc(size));
            assert_int_equal(errno, ENOMEM);
            errno = 0;
            assert_null(calloc(1, size));
            assert_int_equal(errno, ENOMEM);
            errno = 0;
            assert_null(calloc(size, opaque(16)));
            assert_int_equal(errno, ENOMEM);
            assert_null(memalign(opaque(64), size));
            assert_null(aligned_alloc(opaque(64), size));
            assert_null(valloc(size));
            assert_int_equal(posix_memalign(&block, 64, size), ENOMEM);
            assert_ptr_equal(block, &block);
            assert_live(0, 0);
        }
        free(malloc(opaque(100 << 10)));
        assert_int_equal(stats().total_samples, round + 1);
        spprof_stop();
        for (int i = 0; i < 20; i++) assert_null(malloc(opaque(impossible[i % 5])));
    }
}

TEST(test_a_wrong_alignment_is_refused_and_not_counted) {
    start(0);
    void *block = &block;
    errno = UNTOUCHED;
    assert_int_equal(posix_memalign(&block, opaque(3), 100), EINVAL);
    assert_int_equal(posix_memalign(&block, opaque(2), 100), EINVAL);
    assert_int_equal(errno, UNTOUCHED);
    assert_ptr_equal(block, &block);
    assert_int_equal(stats().total_samples, 0);
}

/* ---- Starts and stops ---- */

TEST(test_frees_after_stop_are_followed_and_allocations_are_not) {
    start(0);
    void *before = malloc(opaque(100)), *moved = malloc(opaque(50));
    spprof_stop();
    void *after = malloc(opaque(1000));
    assert_live(2, 150);
    free(before);
    free(after);
    assert_live(1, 50);
    moved = realloc(moved, opaque(5000)); /* a sample that is moved while the profiler is stopped ends */
    assert_live(0, 0);
    free(moved);
    assert_int_equal(stats().freed_samples, 2);
}

TEST(test_a_program_goes_on_after_shutdown) {
    start(0);
    void *block = malloc(opaque(100));
    spprof_shutdown();
    free(block);
    block = realloc(malloc(opaque(10)), opaque(1000));
    free(block);
    assert_live(1, 100);
}

TEST(test_what_was_allocated_before_the_start_is_freed_without_harm) {
    void *blocks[100];
    for (int i = 0; i < 100; i++) blocks[i] = malloc(opaque(100));
    start(0);
    for (int i = 0; i < 100; i++) free(i % 2 ? blocks[i] : realloc(blocks[i], opaque(300)));
    assert_live(0, 0);
    assert_int_equal(stats().total_samples, 50);
}

/* ---- Threads ---- */

#define THREADS 8
#define BLOCKS 2000
#define STEPS 30000

/* Profile only while all threads exist, so that libc's allocations for creating a thread are not included. */
static pthread_barrier_t together;
static void *blocks[THREADS][BLOCKS];

static void start_together(unsigned thread, uint32_t rate) {
    pthread_barrier_wait(&together);
    if (thread == 0) CHECK(spprof_start(rate, NULL) == SPPROF_OK);
    pthread_barrier_wait(&together);
}

static void stop_together(unsigned thread) {
    pthread_barrier_wait(&together);
    if (thread == 0) CHECK(spprof_stop() == SPPROF_OK);
    pthread_barrier_wait(&together);
}

static void check_nothing_is_left(unsigned thread) {
    spprof_stats now = stats();
    if (thread != 0) return;
    CHECK(now.live_samples == 0 && now.live_bytes == 0 && now.live_objects == 0);
    CHECK(now.missed_frees == 0);
}

static void free_the_neighbours(unsigned thread, void *argument) {
    uint32_t rate = *(uint32_t *)argument;
    start_together(thread, rate);
    for (size_t i = 0; i < BLOCKS; i++) blocks[thread][i] = members[i % MEMBERS].allocate(7 + i % 100 * 7);
    pthread_barrier_wait(&together);
    uint64_t live = stats().live_samples;
    CHECK(rate == 0 ? live == THREADS * BLOCKS : live > THREADS * BLOCKS / 20);
    pthread_barrier_wait(&together);
    for (size_t i = 0; i < BLOCKS; i++) free(blocks[(thread + 1) % THREADS][i]);
    stop_together(thread);
    check_nothing_is_left(thread);
}

static void churn(unsigned thread, void *argument) {
    uint32_t rate = *(uint32_t *)argument;
    uint64_t seed = thread + 1;
    start_together(thread, rate);
    for (int i = 0; i < STEPS; i++) {
        uint64_t j = random_below(&seed, 64), size = 7 + random_below(&seed, 4000);
        void **block = &blocks[thread][j];
        if (*block && i % 2) {
            *block = realloc(*block, size);
        } else {
            free(*block);
            *block = members[i % 2].allocate(size);
        }
    }
    for (int j = 0; j < 64; j++) free(blocks[thread][j]);
    stop_together(thread);
    check_nothing_is_left(thread);
    uint64_t total = stats().total_samples;
    CHECK(rate == 0 ? total == THREADS * STEPS : total > THREADS * STEPS / 5);
}

/* The first start happens while other threads are calling entries that have led to the originals until then. */
static void churn_through_the_start(unsigned thread, void *argument) {
    uint64_t seed = thread + 1;
    (void)argument;
    pthread_barrier_wait(&together);
    for (int i = 0; i < STEPS; i++) {
        if (thread == 0 && i == STEPS / 2) CHECK(spprof_start(0, NULL) == SPPROF_OK);
        void **block = &blocks[random_below(&seed, THREADS)][random_below(&seed, 64)];
        void *old = __atomic_exchange_n(block, NULL, __ATOMIC_ACQ_REL);
        old = i % 2 ? realloc(old, 1 + random_below(&seed, 4000)) : (free(old), malloc(opaque(100)));
        free(__atomic_exchange_n(block, old, __ATOMIC_ACQ_REL));
    }
    stop_together(thread);
    for (int j = 0; j < 64; j++) free(blocks[thread][j]);
    pthread_barrier_wait(&together);
    check_nothing_is_left(thread);
    CHECK(stats().total_samples >= STEPS / 2);
}

static void run_together(thread_body *body, uint32_t rate) {
    pthread_barrier_init(&together, NULL, THREADS);
    run_threads(THREADS, body, &rate);
}

TEST(test_the_first_start_amid_calls_of_other_threads_misses_no_free) {
    run_together(churn_through_the_start, 0);
}

TEST(test_frees_from_other_threads_end_their_samples) {
    run_together(free_the_neighbours, 0);
}

TEST(test_frees_from_other_threads_end_their_samples_at_a_rate) {
    run_together(free_the_neighbours, 4096);
}

TEST(test_eight_threads_that_allocate_move_and_free_leave_nothing_behind) {
    run_together(churn, 0);
}

TEST(test_eight_threads_that_allocate_move_and_free_leave_nothing_behind_at_a_rate) {
    run_together(churn, 4096);
}

static void allocate_in_child(void *argument) {
    free(argument);
    void *block = malloc(opaque(77));
    CHECK(stats().live_samples == 1 && stats().live_bytes == 77 * SPPROF_BYTES_ONE);
    free(block);
    CHECK(stats().live_samples == 0);
}

TEST(test_a_forked_child_goes_on_by_itself) {
    start(0);
    void *block = malloc(opaque(100));
    run_in_child(allocate_in_child, block);
    assert_live(1, 100);
    free(block);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_library_is_preloaded_and_sleeps_until_it_is_started),
        cmocka_unit_test(test_a_library_that_nobody_uses_counts_nothing),
        cmocka_unit_test(test_a_probe_wakes_the_library_before_the_first_start),
        cmocka_unit_test(test_each_member_of_the_family_is_counted_once_with_its_size),
        cmocka_unit_test(test_sized_frees_end_their_samples),
        cmocka_unit_test(test_freeing_nothing_does_nothing),
        cmocka_unit_test(test_strings_are_counted_once),
        cmocka_unit_test(test_what_asprintf_returns_is_one_block),
        cmocka_unit_test(test_the_buffer_of_getline_is_one_block_however_it_grows),
        cmocka_unit_test(test_a_chain_of_reallocs_is_one_block_of_the_latest_size),
        cmocka_unit_test(test_aligned_blocks_are_followed_through_realloc),
        cmocka_unit_test(test_a_realloc_to_nothing_frees),
        cmocka_unit_test(test_a_realloc_that_fails_leaves_the_block_and_its_sample),
        cmocka_unit_test(test_impossible_sizes_fail_as_without_the_library_and_harm_nothing),
        cmocka_unit_test(test_a_wrong_alignment_is_refused_and_not_counted),
        cmocka_unit_test(test_frees_after_stop_are_followed_and_allocations_are_not),
        cmocka_unit_test(test_a_program_goes_on_after_shutdown),
        cmocka_unit_test(test_what_was_allocated_before_the_start_is_freed_without_harm),
        cmocka_unit_test(test_the_first_start_amid_calls_of_other_threads_misses_no_free),
        cmocka_unit_test(test_frees_from_other_threads_end_their_samples),
        cmocka_unit_test(test_frees_from_other_threads_end_their_samples_at_a_rate),
        cmocka_unit_test(test_eight_threads_that_allocate_move_and_free_leave_nothing_behind),
        cmocka_unit_test(test_eight_threads_that_allocate_move_and_free_leave_nothing_behind_at_a_rate),
        cmocka_unit_test(test_a_forked_child_goes_on_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
