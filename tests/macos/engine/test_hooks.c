/* test_hooks.c: libmalloc's logger as the hooks of native allocations, and what malloc says about itself, on macOS or
 * under run_macho. */
#include "names.h"
#include "tap.h"

#include <errno.h>
#include <malloc/malloc.h>
#include <stdbool.h>
#include <string.h>

typedef void malloc_logger_function(uint32_t type, uintptr_t zone, uintptr_t second, uintptr_t third, uintptr_t result,
                                    uint32_t frames_to_skip);
extern malloc_logger_function *malloc_logger; /* libmalloc's */

static spprof_stats stats(void) {
    spprof_stats now;
    spprof_get_stats(&now);
    return now;
}

static void start(void) {
    spprof_set_native(true);
    CHECK(spprof_patch() == 1);
    CHECK(spprof_start(0, NULL) == SPPROF_OK);
}

static void stop(void) {
    CHECK(spprof_stop() == SPPROF_OK);
    CHECK(malloc_logger == NULL);
}

static bool find_sample(const void *address, spprof_sample *found) {
    static spprof_sample samples[4096];
    size_t count = spprof_copy_live(samples, 4096);
    CHECK(count <= 4096);
    for (size_t i = 0; i < count; i++) {
        if (samples[i].address != (uint64_t)(uintptr_t)address) continue;
        *found = samples[i];
        return true;
    }
    return false;
}

static bool is_live(const void *address) {
    spprof_sample sample;
    return find_sample(address, &sample);
}

static __attribute__((noinline)) void *allocate(size_t size) {
    void *block = malloc(size);
    __asm__ volatile("" : "+r"(block));
    return block;
}

/* ---- Reports ---- */

static void test_the_leaf_is_the_caller_of_malloc(void) {
    spprof_sample sample;
    spprof_stack stack;
    start();
    void *block = allocate(100);
    CHECK(find_sample(block, &sample));
    CHECK(spprof_stack_get(sample.stack_id, &stack));
    names found = names_of(&stack);
    if (strcmp(found.name[0], "allocate") != 0) names_print(&found);
    CHECK(strcmp(found.name[0], "allocate") == 0);
    free(block);
    stop();
}

static void test_errno_is_unchanged(void) {
    start();
    errno = 77;
    void *block = realloc(allocate(100), 5000);
    CHECK(errno == 77 && is_live(block));
    free(block);
    CHECK(errno == 77);
    stop();
}

static void test_a_probe_counts_what_malloc_reports(void) {
    start();
    spprof_probe_begin();
    void *block = allocate(100);
    CHECK(spprof_probe_end() == 100);
    CHECK(!is_live(block));
    free(block);
    stop();
    spprof_probe_begin();
    block = allocate(100);
    CHECK(spprof_probe_end() == 0);
    free(block);
}

static void test_frees_after_a_stop_are_followed(void) {
    start();
    void *block = allocate(100), *moved = allocate(1000);
    CHECK(spprof_stop() == SPPROF_OK);
    CHECK(malloc_logger != NULL);
    void *unsampled = allocate(100);
    CHECK(is_live(block) && is_live(moved) && !is_live(unsampled));
    free(block);
    void *larger = realloc(moved, 100000);
    CHECK(!is_live(block) && !is_live(moved) && !is_live(larger));
    free(unsampled);
    free(larger);
    start();
    stop();
}

/* ---- Other loggers ---- */

static void deaf_logger(uint32_t type, uintptr_t zone, uintptr_t second, uintptr_t third, uintptr_t result,
                        uint32_t frames_to_skip) {
    (void)type, (void)zone, (void)second, (void)third, (void)result, (void)frames_to_skip;
}

static void test_a_logger_that_passes_nothing_on_is_noticed(void) {
    start();
    malloc_logger_function *ours = malloc_logger;
    uint64_t before = stats().dropped[SPPROF_DROP_HOOK_DISPLACED];
    malloc_logger = deaf_logger;
    CHECK(spprof_patch() == 0 && spprof_patch() == 0);
    CHECK(malloc_logger == deaf_logger);
    CHECK(stats().dropped[SPPROF_DROP_HOOK_DISPLACED] == before + 1);
    malloc_logger = ours;
    CHECK(spprof_patch() == 1);
    malloc_logger = NULL;
    CHECK(spprof_patch() == 1 && malloc_logger == ours);
    CHECK(stats().dropped[SPPROF_DROP_HOOK_DISPLACED] == before + 2);
    stop();
}

/* ---- Below pools ---- */

static _Alignas(16) char pool_block[512];

static bool is_in_pool(const void *block) {
    return block == pool_block;
}

static void *pool_malloc(void *ctx, size_t size) {
    (void)ctx;
    return size <= sizeof pool_block ? pool_block : malloc(size);
}

static void *pool_calloc(void *ctx, size_t count, size_t size) {
    return pool_malloc(ctx, count * size);
}

static void pool_free(void *ctx, void *block) {
    (void)ctx;
    if (!is_in_pool(block)) free(block);
}

static void *pool_realloc(void *ctx, void *old, size_t size) {
    return is_in_pool(old) ? pool_malloc(ctx, size) : realloc(old, size);
}

static void test_samples_of_pools_are_completed_by_malloc(void) {
    const spprof_allocator pool = {NULL, pool_malloc, pool_calloc, pool_realloc, pool_free};
    spprof_allocator hooks = spprof_pool_hooks(SPPROF_DOMAIN_OBJ, &pool, sizeof pool_block);
    spprof_sample sample;
    start();
    uint64_t before = stats().total_samples;
    void *block = hooks.malloc(NULL, 24);
    CHECK(!is_in_pool(block) && find_sample(block, &sample) && sample.size == 24);
    block = hooks.realloc(NULL, block, 40);
    CHECK(find_sample(block, &sample) && sample.size == 40);
    block = hooks.realloc(NULL, block, 5000);
    CHECK(find_sample(block, &sample) && sample.size == 5000);
    CHECK(stats().total_samples == before + 3);
    hooks.free(NULL, block);
    CHECK(!is_live(block));
    stop();
    CHECK(is_in_pool(hooks.malloc(NULL, 24)));
}

/* ---- What malloc says ---- */

static void test_malloc_reports_its_sums(void) {
    spprof_malloc_said before, after;
    spprof_malloc_sums sums;
    CHECK(!spprof_malloc_is_glibc());
    void *small = allocate(16);
    CHECK(spprof_ask_malloc(&before) && before.kind == SPPROF_MALLOC_LIBMALLOC);
    void *block = allocate(1 << 20);
    CHECK(spprof_ask_malloc(&after) && after.used >= before.used + (1 << 20));
    uint64_t addresses[] = {(uintptr_t)block, (uintptr_t)pool_block}, sizes[2];
    spprof_chunk_sizes(addresses, 2, sizes);
    CHECK(sizes[0] == malloc_size(block) && sizes[1] == 0);
    spprof_measure_malloc(NULL, 0, &sums);
    CHECK(sums.heaps == 0 && sums.mapped == 0);
    free(block);
    free(small);
    spprof_trim_malloc();
}

static void test_the_library_has_a_path(void) {
    const char *path = spprof_library_path(), *name = strrchr(path, '/');
    CHECK(path[0] == '/' && name && strcmp(name, "/libspprof_alloc.dylib") == 0);
    CHECK(spprof_uncovered(NULL, 0) == 0);
}

/* The last test: a shutdown is final. */
static void test_shutdown_clears_the_logger(void) {
    start();
    void *block = allocate(100);
    spprof_shutdown();
    CHECK(malloc_logger == NULL && is_live(block));
    free(block);
    CHECK(is_live(block));
    CHECK(spprof_patch() == 0 && malloc_logger == NULL);
}

int main(void) {
    RUN(test_the_leaf_is_the_caller_of_malloc);
    RUN(test_errno_is_unchanged);
    RUN(test_a_probe_counts_what_malloc_reports);
    RUN(test_frees_after_a_stop_are_followed);
    RUN(test_a_logger_that_passes_nothing_on_is_noticed);
    RUN(test_samples_of_pools_are_completed_by_malloc);
    RUN(test_malloc_reports_its_sums);
    RUN(test_the_library_has_a_path);
    RUN(test_shutdown_clears_the_logger);
    return EXIT_SUCCESS;
}
