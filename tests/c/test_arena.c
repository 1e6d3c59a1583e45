#include "arena.h"

#include "memory.h"
#include "options.h"
#include "support.h"

#include <stdlib.h>
#include <string.h>

#define NO_LIMIT (UINT64_C(1) << 40)

static sp_arena arena;

static void assert_zero(const unsigned char *record, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) assert_int_equal(record[i], 0);
}

TEST(test_records_are_zeroed_aligned_and_apart) {
    static struct {
        unsigned char *at;
        size_t bytes;
    } records[3000];
    uint64_t seed = 1;
    for (size_t i = 0; i < 3000; i++) {
        records[i].bytes = 1 + random_below(&seed, 700);
        records[i].at = sp_arena_allocate(&arena, records[i].bytes);
        assert_non_null(records[i].at);
        assert_int_equal((uintptr_t)records[i].at % 8, 0);
        assert_zero(records[i].at, records[i].bytes);
        memset(records[i].at, (int)(i % 255 + 1), records[i].bytes);
    }
    for (size_t i = 0; i < 3000; i++)
        for (size_t j = 0; j < records[i].bytes; j++) assert_int_equal(records[i].at[j], i % 255 + 1);
}

TEST(test_small_records_share_chunks) {
    for (int i = 0; i < 1000; i++) assert_non_null(sp_arena_allocate(&arena, 100));
    assert_int_equal(sp_memory_mapped(), SP_ARENA_CHUNK);
}

/* The sizes are around a quarter of a chunk, around a whole chunk, and larger. */
TEST(test_large_records_are_whole) {
    static const size_t sizes[] = {SP_ARENA_CHUNK / 4, SP_ARENA_CHUNK / 4 + 1, SP_ARENA_CHUNK, 3 * SP_ARENA_CHUNK + 5};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        unsigned char *record = sp_arena_allocate(&arena, sizes[i]);
        assert_non_null(record);
        assert_int_equal((uintptr_t)record % 8, 0);
        assert_zero(record, sizes[i]);
        memset(record, 0xFF, sizes[i]);
    }
    assert_zero(sp_arena_allocate(&arena, 64), 64);
}

TEST(test_a_record_of_a_quarter_ends_with_its_chunk) {
    for (int round = 0; round < 5; round++) {
        unsigned char *record = sp_arena_allocate(&arena, SP_ARENA_CHUNK / 4);
        memset(record, 0xFF, SP_ARENA_CHUNK / 4);
    }
    assert_int_equal(sp_memory_mapped(), 2 * SP_ARENA_CHUNK); /* three fit next to the chunk's header */
}

TEST(test_failing_memory_gives_null_and_later_a_record) {
    sp_options.engine_bytes_max = SP_ARENA_CHUNK;
    size_t given = 0;
    while (sp_arena_allocate(&arena, 1000)) given++;
    assert_int_equal(given, SP_ARENA_CHUNK / 1000);
    assert_null(sp_arena_allocate(&arena, SP_ARENA_CHUNK));
    assert_null(sp_arena_allocate(&arena, 1000));
    assert_int_equal(sp_memory_mapped(), SP_ARENA_CHUNK);
    sp_options.engine_bytes_max = NO_LIMIT;
    assert_zero(sp_arena_allocate(&arena, 1000), 1000);
}

/* ---- Memory ---- */

TEST(test_mapped_bytes_are_counted_in_whole_pages) {
    size_t page = sp_memory_page_bytes();
    void *one = sp_memory_map(1), *more = sp_memory_map(3 * page + 3);
    assert_int_equal(sp_memory_mapped(), page + 4 * page);
    sp_memory_unmap(one, 1);
    assert_int_equal(sp_memory_mapped(), 4 * page);
    sp_memory_unmap(more, 3 * page + 3);
    assert_int_equal(sp_memory_mapped(), 0);
}

TEST(test_memory_ends_at_its_named_maximum) {
    size_t page = sp_memory_page_bytes();
    sp_options.engine_bytes_max = 3 * page;
    assert_non_null(sp_memory_map(page * 2));
    assert_null(sp_memory_map(page * 2));
    assert_non_null(sp_memory_map(page));
    assert_null(sp_memory_map(1));
    assert_int_equal(sp_memory_mapped(), 3 * page);
}

TEST(test_impossible_requests_get_no_memory) {
    assert_null(sp_memory_map(0));
    assert_null(sp_memory_map(SIZE_MAX));
    assert_null(sp_memory_map(SIZE_MAX / 2 + 1));
    assert_null(sp_memory_map(SIZE_MAX / 2));
    sp_options.engine_bytes_max = UINT64_MAX;
    assert_null(sp_memory_map(SIZE_MAX / 2));
    assert_int_equal(sp_memory_mapped(), 0);
}

/* ---- Threads ---- */

#define THREADS 8
#define RECORDS 20000

typedef struct owned {
    unsigned char *at;
    size_t bytes;
} owned;
static owned owned_records[THREADS][RECORDS];

static void fill_records(unsigned thread, void *argument) {
    (void)argument;
    uint64_t seed = thread + 1;
    for (size_t i = 0; i < RECORDS; i++) {
        size_t bytes = 8 + random_below(&seed, 200);
        if (i % 2000 == 0) bytes = SP_ARENA_CHUNK / 3;
        unsigned char *record = sp_arena_allocate(&arena, bytes);
        CHECK(record && (uintptr_t)record % 8 == 0);
        for (size_t j = 0; j < bytes; j++) CHECK(record[j] == 0);
        memset(record, (int)thread + 1, bytes);
        owned_records[thread][i] = (owned){record, bytes};
    }
}

TEST(test_records_of_eight_threads_never_overlap) {
    run_threads(THREADS, fill_records, NULL);
    size_t bytes = 0;
    for (unsigned thread = 0; thread < THREADS; thread++) {
        for (size_t i = 0; i < RECORDS; i++) {
            owned *record = &owned_records[thread][i];
            for (size_t j = 0; j < record->bytes; j++) assert_int_equal(record->at[j], thread + 1);
            bytes += record->bytes;
        }
    }
    assert_in_range(sp_memory_mapped(), bytes, bytes * 21 / 20); /* chunks from lost races are unmapped */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_are_zeroed_aligned_and_apart),
        cmocka_unit_test(test_small_records_share_chunks),
        cmocka_unit_test(test_large_records_are_whole),
        cmocka_unit_test(test_a_record_of_a_quarter_ends_with_its_chunk),
        cmocka_unit_test(test_failing_memory_gives_null_and_later_a_record),
        cmocka_unit_test(test_mapped_bytes_are_counted_in_whole_pages),
        cmocka_unit_test(test_memory_ends_at_its_named_maximum),
        cmocka_unit_test(test_impossible_requests_get_no_memory),
        cmocka_unit_test(test_records_of_eight_threads_never_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
