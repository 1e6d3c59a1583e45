/* The hooks of an interpreter's allocator domains, in front of a fake pool, with the library preloaded. */
#include "spprof.h"
#include "support.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A pool that serves requests of up to 512 bytes itself, and passes larger ones on to malloc. */
typedef struct pool {
    char room[4096];
    size_t used;
    size_t asked;      /* the size of the last request */
    size_t refused;    /* larger requests fail */
    bool owns_nothing; /* reallocs are passed on regardless of their size */
} pool;

static pool the_pool;

static void *pool_malloc(void *ctx, size_t size) {
    pool *pool = ctx;
    pool->asked = size;
    if (size > pool->refused) return NULL;
    if (size == 0 || size > 512) return malloc(size ? size : 1);
    void *block = pool->room + pool->used;
    pool->used += size;
    return block;
}

static void *pool_calloc(void *ctx, size_t count, size_t size) {
    if (count && size > SIZE_MAX / count) return NULL;
    return pool_malloc(ctx, count * size);
}

static void *pool_realloc(void *ctx, void *old, size_t size) {
    pool *pool = ctx;
    if (!pool->owns_nothing) return pool_malloc(ctx, size);
    pool->asked = size;
    return realloc(old, size ? size : 1);
}

static void pool_free(void *ctx, void *block) {
    pool *pool = ctx;
    if ((char *)block < pool->room || (char *)block >= pool->room + sizeof pool->room) free(block);
}

static spprof_allocator hooks_of_the_pool(void) {
    the_pool = (pool){.refused = PTRDIFF_MAX};
    spprof_allocator original = {&the_pool, pool_malloc, pool_calloc, pool_realloc, pool_free};
    spprof_allocator hooks = spprof_pool_hooks(SPPROF_DOMAIN_OBJ, &original, 512);
    assert_ptr_equal(hooks.ctx, &the_pool);
    assert_true(hooks.free == pool_free);
    return hooks;
}

static spprof_stats stats(void) {
    spprof_stats stats;
    spprof_get_stats(&stats);
    return stats;
}

#define assert_counted(bytes, call)                                                                                    \
    do {                                                                                                               \
        spprof_probe_begin();                                                                                          \
        void *block = call;                                                                                            \
        assert_int_equal(spprof_probe_end(), bytes);                                                                   \
        pool_free(&the_pool, block);                                                                                   \
    } while (0)

/* The hook counts the requests that the pool keeps; malloc's hook counts those that the pool passes on, with the
 * size that arrives there. */
TEST(test_a_request_to_a_pool_is_counted_once) {
    spprof_allocator hooks = hooks_of_the_pool();
    assert_counted(1, hooks.malloc(hooks.ctx, 1));
    assert_counted(512, hooks.malloc(hooks.ctx, 512));
    assert_counted(513, hooks.malloc(hooks.ctx, 513));
    assert_counted(1, hooks.malloc(hooks.ctx, 0));
    assert_counted(512, hooks.calloc(hooks.ctx, 2, 256));
    assert_counted(600, hooks.calloc(hooks.ctx, 3, 200));
    assert_counted(1, hooks.calloc(hooks.ctx, 0, 5));
    assert_counted(0, hooks.calloc(hooks.ctx, SIZE_MAX, 2));
    assert_counted(100, hooks.realloc(hooks.ctx, NULL, 100));
    assert_counted(700, hooks.realloc(hooks.ctx, NULL, 700));
}

TEST(test_a_realloc_that_a_pool_hands_down_is_counted_once) {
    spprof_allocator hooks = hooks_of_the_pool();
    void *block = malloc(600);
    the_pool.owns_nothing = true;
    spprof_probe_begin();
    block = hooks.realloc(hooks.ctx, block, 500);
    assert_int_equal(spprof_probe_end(), 500);
    spprof_probe_begin();
    block = hooks.realloc(hooks.ctx, block, 800);
    assert_int_equal(spprof_probe_end(), 800);
    spprof_probe_begin();
    block = hooks.realloc(hooks.ctx, block, 0); /* passed on as 1 byte */
    assert_int_equal(spprof_probe_end(), 1);
    spprof_probe_begin();
    block = realloc(block, 300);
    assert_int_equal(spprof_probe_end(), 300);
    free(block);
}

static void assert_live(uint64_t samples, uint64_t bytes) {
    assert_int_equal(stats().live_samples, samples);
    assert_int_equal(stats().live_bytes, bytes * SPPROF_BYTES_ONE);
}

TEST(test_a_sample_of_a_pool_lives_and_dies_at_malloc) {
    spprof_allocator hooks = hooks_of_the_pool();
    assert_int_equal(spprof_start(0, NULL), SPPROF_OK);
    void *block = hooks.malloc(hooks.ctx, 48);
    assert_int_equal(the_pool.asked, 513);
    assert_live(1, 48);
    the_pool.owns_nothing = true;
    block = hooks.realloc(hooks.ctx, block, 20);
    assert_int_equal(the_pool.asked, 513);
    assert_live(1, 20);
    hooks.free(hooks.ctx, block);
    assert_live(0, 0);
    block = hooks.calloc(hooks.ctx, 2, 30);
    assert_live(1, 60);
    hooks.free(hooks.ctx, block);
    assert_live(0, 0);
}

/* If a block of 513 bytes is unavailable, the few bytes that were requested may still be available. */
TEST(test_a_pool_that_cannot_hand_a_sample_down_serves_the_request) {
    spprof_allocator hooks = hooks_of_the_pool();
    the_pool.refused = 512;
    assert_int_equal(spprof_start(0, NULL), SPPROF_OK);
    assert_non_null(hooks.malloc(hooks.ctx, 48));
    assert_int_equal(the_pool.asked, 48);
    assert_non_null(hooks.calloc(hooks.ctx, 1, 48));
    assert_non_null(hooks.realloc(hooks.ctx, NULL, 48));
    assert_live(0, 0);
}

static void *plain_malloc(void *ctx, size_t size) {
    return (void)ctx, malloc(size);
}

static void *plain_calloc(void *ctx, size_t count, size_t size) {
    return (void)ctx, calloc(count, size);
}

static void *plain_realloc(void *ctx, void *old, size_t size) {
    return (void)ctx, realloc(old, size);
}

static void plain_free(void *ctx, void *block) {
    (void)ctx;
    free(block);
}

/* The hook is below a pool's hook and above malloc's. It tells the lowest hook that counts that the realloc is
 * already counted. */
TEST(test_a_hook_that_only_follows_frees_hands_on_what_is_already_counted) {
    spprof_allocator plain = {NULL, plain_malloc, plain_calloc, plain_realloc, plain_free};
    spprof_allocator direct = spprof_direct_hooks(SPPROF_DOMAIN_RAW, &plain);
    spprof_direct_hooks_count(SPPROF_DOMAIN_RAW, false);
    spprof_allocator hooks = spprof_pool_hooks(SPPROF_DOMAIN_OBJ, &direct, 512);
    void *block = malloc(600);
    spprof_probe_begin();
    block = hooks.realloc(hooks.ctx, block, 500);
    assert_int_equal(spprof_probe_end(), 500);
    spprof_direct_hooks_count(SPPROF_DOMAIN_RAW, true);
    spprof_probe_begin();
    block = hooks.realloc(hooks.ctx, block, 400);
    assert_int_equal(spprof_probe_end(), 800); /* malloc's hook, below the one that counts, saw nothing */
    free(block);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_to_a_pool_is_counted_once),
        cmocka_unit_test(test_a_realloc_that_a_pool_hands_down_is_counted_once),
        cmocka_unit_test(test_a_sample_of_a_pool_lives_and_dies_at_malloc),
        cmocka_unit_test(test_a_pool_that_cannot_hand_a_sample_down_serves_the_request),
        cmocka_unit_test(test_a_hook_that_only_follows_frees_hands_on_what_is_already_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
