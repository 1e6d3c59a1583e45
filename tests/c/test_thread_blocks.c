/* The pool of threads' blocks: no block has two owners, and each is zeroed. */
#include "memory.h"
#include "options.h"
#include "support.h"
#include "thread_blocks.h"

#include <sched.h>
#include <string.h>

#define THREADS 8
#define AT_ONCE 6
#define ROUNDS 60000

static sp_thread_blocks pool;

/* Fill a block with the owner's mark. It must be zeroed, and still have the mark when the owner gives it back. */
static void own(unsigned char *block, unsigned char mark) {
    for (int i = 0; i < SP_THREAD_BLOCK_BYTES; i++) CHECK(block[i] == 0);
    memset(block, mark, SP_THREAD_BLOCK_BYTES);
}

static void give(unsigned char *block, unsigned char mark) {
    for (int i = 0; i < SP_THREAD_BLOCK_BYTES; i++) CHECK(block[i] == mark);
    sp_thread_blocks_give(&pool, block);
}

static void take_and_give(unsigned index, void *unused) {
    (void)unused;
    unsigned char *held[AT_ONCE] = {NULL}, mark = (unsigned char)(index + 1);
    uint64_t random = index;
    for (int round = 0; round < ROUNDS; round++) {
        unsigned char **one = &held[random_below(&random, AT_ONCE)];
        if (*one) {
            give(*one, mark);
            *one = NULL;
        } else {
            *one = sp_thread_blocks_take(&pool);
            CHECK(*one);
            own(*one, mark);
        }
    }
    for (int i = 0; i < AT_ONCE; i++)
        if (held[i]) give(held[i], mark);
}

TEST(test_a_block_has_one_owner_at_a_time_and_is_zeroed) {
    run_threads(THREADS, take_and_give, NULL);
    assert_true(atomic_load(&pool.fresh) <= THREADS * AT_ONCE);
}

TEST(test_all_blocks_of_ended_threads_are_used_again) {
    void *blocks[THREADS];
    for (int round = 0; round < 100; round++) {
        for (int i = 0; i < THREADS; i++) assert_non_null(blocks[i] = sp_thread_blocks_take(&pool));
        for (int i = 0; i < THREADS; i++) sp_thread_blocks_give(&pool, blocks[i]);
    }
    assert_int_equal(atomic_load(&pool.fresh), THREADS);
}

/* Otherwise a thread that has read the first block and the one behind it could not tell that both have been taken since
 * then, and the first given back. */
TEST(test_the_list_is_never_in_an_earlier_state_again) {
    void *first = sp_thread_blocks_take(&pool), *second = sp_thread_blocks_take(&pool);
    sp_thread_blocks_give(&pool, second);
    sp_thread_blocks_give(&pool, first);
    uint64_t seen = atomic_load(&pool.free);
    assert_ptr_equal(sp_thread_blocks_take(&pool), first);
    assert_ptr_equal(sp_thread_blocks_take(&pool), second);
    sp_thread_blocks_give(&pool, first);
    assert_int_equal((uint32_t)atomic_load(&pool.free), (uint32_t)seen);
    assert_int_not_equal(atomic_load(&pool.free), seen);
}

static void take_only(unsigned index, void *unused) {
    (void)unused;
    for (int i = 0; i < 2 * SP_THREAD_BLOCKS_IN_CHUNK; i++)
        own(sp_thread_blocks_take(&pool), (unsigned char)(index + 1));
}

TEST(test_more_threads_than_a_chunk_holds_get_blocks) {
    run_threads(THREADS, take_only, NULL);
    assert_int_equal(atomic_load(&pool.fresh), 2 * THREADS * SP_THREAD_BLOCKS_IN_CHUNK);
    assert_int_equal(sp_memory_mapped(), 2 * THREADS * ((sizeof(sp_thread_chunk) + 4095) / 4096 * 4096));
}

TEST(test_a_child_keeps_its_own_block_only) {
    unsigned char *own_block = sp_thread_blocks_take(&pool), *others[3];
    for (int i = 0; i < 3; i++) own(others[i] = sp_thread_blocks_take(&pool), 1);
    own(own_block, 2);
    sp_thread_blocks_give(&pool, others[1]);
    sp_thread_blocks_keep_only(&pool, own_block);
    assert_int_equal(own_block[5], 2);
    for (int i = 0; i < 3; i++) {
        unsigned char *block = sp_thread_blocks_take(&pool);
        assert_ptr_not_equal(block, own_block);
        own(block, 3);
    }
    assert_int_equal(atomic_load(&pool.fresh), 4);
}

TEST(test_without_memory_there_is_no_block_until_one_is_given_back) {
    sp_options.engine_bytes_max = sizeof(sp_thread_chunk) + 4096;
    void *block = NULL;
    for (int i = 0; i < SP_THREAD_BLOCKS_IN_CHUNK; i++) assert_non_null(block = sp_thread_blocks_take(&pool));
    assert_null(sp_thread_blocks_take(&pool));
    sp_thread_blocks_give(&pool, block);
    assert_ptr_equal(sp_thread_blocks_take(&pool), block);
    assert_null(sp_thread_blocks_take(&pool));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_block_has_one_owner_at_a_time_and_is_zeroed),
        cmocka_unit_test(test_all_blocks_of_ended_threads_are_used_again),
        cmocka_unit_test(test_the_list_is_never_in_an_earlier_state_again),
        cmocka_unit_test(test_more_threads_than_a_chunk_holds_get_blocks),
        cmocka_unit_test(test_a_child_keeps_its_own_block_only),
        cmocka_unit_test(test_without_memory_there_is_no_block_until_one_is_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
