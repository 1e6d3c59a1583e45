#include "intern_table.h"

#include "memory.h"
#include "options.h"
#include "support.h"

#include <stdlib.h>
#include <string.h>

#define NO_LIMIT (UINT64_C(1) << 40)
#define KEYS (1 << 17)

/* A record whose content is one number. */
typedef struct record {
    sp_intern_record head;
    uint64_t content;
} record;

static sp_intern_table table;
static record records[KEYS];

static bool has_content(const sp_intern_record *found, const void *key) {
    return ((const record *)found)->content == *(const uint64_t *)key;
}

static uint64_t spread(uint64_t content) {
    return sp_intern_hash_words(0, &content, 1);
}

static record *find(uint64_t hash, uint64_t content) {
    return (record *)sp_intern_table_find(&table, hash, has_content, &content);
}

static sp_intern_result add(record *made, uint64_t hash, uint64_t content) {
    *made = (record){.head.hash = hash, .content = content};
    return sp_intern_table_add(&table, &made->head);
}

TEST(test_nothing_is_found_in_an_empty_table) {
    sp_intern_table_create(&table, NO_LIMIT);
    assert_null(find(0, 0));
    assert_null(sp_intern_table_get(&table, 0));
    assert_null(sp_intern_table_get(&table, 1));
    assert_null(sp_intern_table_get(&table, SP_INTERN_MAX));
    assert_null(sp_intern_table_get(&table, UINT32_MAX));
}

/* 2^17 records fill seven levels of three quarters of 2^10, 2^11, … slots. */
TEST(test_records_are_found_by_content_and_by_id_through_many_levels) {
    sp_intern_table_create(&table, NO_LIMIT);
    for (uint64_t i = 0; i < KEYS; i++) {
        assert_null(find(spread(i), i));
        assert_int_equal(add(&records[i], spread(i), i), SP_INTERN_ADDED);
        assert_int_equal(records[i].head.id, i + 1);
        assert_int_equal(table.count, i + 1);
    }
    for (uint64_t i = 0; i < KEYS; i++) {
        assert_ptr_equal(find(spread(i), i), &records[i]);
        assert_ptr_equal(sp_intern_table_get(&table, (uint32_t)i + 1), &records[i].head);
    }
    assert_null(sp_intern_table_get(&table, 0));
    assert_null(sp_intern_table_get(&table, KEYS + 1));
    assert_int_equal(table.last_id, KEYS);
    int levels = 0;
    while (levels < SP_INTERN_LEVELS && table.levels[levels]) levels++;
    assert_int_equal(levels, 8); /* 0.75 · 2^10 · (2^7 − 1) < 2^17 < 0.75 · 2^10 · (2^8 − 1) */
}

TEST(test_different_contents_of_one_hash_are_told_apart) {
    sp_intern_table_create(&table, NO_LIMIT);
    for (uint64_t i = 0; i < 2000; i++) {
        assert_null(find(77, i));
        assert_int_equal(add(&records[i], 77, i), SP_INTERN_ADDED);
    }
    for (uint64_t i = 0; i < 2000; i++) assert_ptr_equal(find(77, i), &records[i]);
    assert_null(find(77, 2000));
}

/* The home is the last slot of each level, so probing wraps around to the level's beginning. */
TEST(test_probes_wrap_around_the_end_of_a_level) {
    sp_intern_table_create(&table, NO_LIMIT);
    for (uint64_t i = 0; i < 1500; i++) assert_int_equal(add(&records[i], UINT64_MAX - i % 3, i), SP_INTERN_ADDED);
    for (uint64_t i = 0; i < 1500; i++) assert_ptr_equal(find(UINT64_MAX - i % 3, i), &records[i]);
    assert_null(find(UINT64_MAX, 1));
}

TEST(test_a_full_table_says_so_and_keeps_what_it_has) {
    sp_intern_table_create(&table, 1000);
    for (uint64_t i = 0; i < 1000; i++) assert_int_equal(add(&records[i], spread(i), i), SP_INTERN_ADDED);
    for (uint64_t i = 1000; i < 1010; i++) {
        assert_int_equal(add(&records[i], spread(i), i), SP_INTERN_FULL);
        assert_null(find(spread(i), i));
    }
    assert_int_equal(table.count, 1000);
    assert_int_equal(table.last_id, 1000);
    for (uint64_t i = 0; i < 1000; i++) assert_ptr_equal(find(spread(i), i), &records[i]);
    assert_null(sp_intern_table_get(&table, 1001));
}

TEST(test_a_maximum_beyond_the_pages_is_cut_to_them) {
    sp_intern_table_create(&table, NO_LIMIT);
    assert_int_equal(table.max, SP_INTERN_MAX);
    sp_intern_table_create(&table, 1);
    assert_int_equal(add(&records[0], 1, 1), SP_INTERN_ADDED);
    assert_int_equal(add(&records[1], 2, 2), SP_INTERN_FULL);
}

TEST(test_without_memory_nothing_is_added_and_later_it_is) {
    sp_intern_table_create(&table, NO_LIMIT);
    sp_options.engine_bytes_max = 0;
    for (uint64_t i = 0; i < 10; i++) assert_int_equal(add(&records[i], spread(i), i), SP_INTERN_NO_MEMORY);
    assert_null(find(spread(0), 0));
    assert_int_equal(table.count, 0);
    sp_options.engine_bytes_max = NO_LIMIT;
    for (uint64_t i = 0; i < 10; i++) assert_int_equal(add(&records[i], spread(i), i), SP_INTERN_ADDED);
    for (uint64_t i = 0; i < 10; i++) {
        assert_ptr_equal(find(spread(i), i), &records[i]);
        assert_ptr_equal(sp_intern_table_get(&table, records[i].head.id), &records[i].head);
    }
}

/* The first level and the first page hold 768 and 1023 records. */
TEST(test_a_level_that_finds_no_memory_leaves_the_others_readable) {
    sp_intern_table_create(&table, NO_LIMIT);
    assert_int_equal(add(&records[0], spread(0), 0), SP_INTERN_ADDED);
    sp_options.engine_bytes_max = sp_memory_mapped();
    for (uint64_t i = 1; i < 768; i++) assert_int_equal(add(&records[i], spread(i), i), SP_INTERN_ADDED);
    assert_int_equal(add(&records[768], spread(768), 768), SP_INTERN_NO_MEMORY);
    for (uint64_t i = 0; i < 768; i++) assert_ptr_equal(find(spread(i), i), &records[i]);
    sp_options.engine_bytes_max = NO_LIMIT;
    assert_int_equal(add(&records[768], spread(768), 768), SP_INTERN_ADDED);
    assert_int_equal(records[768].head.id, 769);
}

/* A shortage uses up neither ids nor slots: once memory is available again, there is room again. Three levels hold
 * 5376. */
TEST(test_a_page_that_finds_no_memory_uses_up_no_room) {
    sp_intern_table_create(&table, 5376);
    for (uint64_t i = 0; i < 1023; i++) assert_int_equal(add(&records[i], spread(i), i), SP_INTERN_ADDED);
    sp_options.engine_bytes_max = sp_memory_mapped();
    for (uint64_t i = 0; i < 9000; i++)
        assert_int_equal(add(&records[1023 + i], spread(1023 + i), 1023 + i), SP_INTERN_NO_MEMORY);
    sp_options.engine_bytes_max = NO_LIMIT;
    for (uint64_t i = 1023; i < 5376; i++) assert_int_equal(add(&records[i], spread(i), i), SP_INTERN_ADDED);
    assert_null(table.levels[3]);
    assert_int_equal(add(&records[5376], spread(5376), 5376), SP_INTERN_FULL);
    for (uint64_t i = 0; i < 5376; i++) {
        assert_ptr_equal(find(spread(i), i), &records[i]);
        assert_int_equal(records[i].head.id, i + 1);
    }
}

/* ---- Threads ---- */

#define THREADS 8
#define CONTENTS 20000

static record made[THREADS][CONTENTS];
static record *mine[THREADS][CONTENTS];
static _Atomic uint32_t additions;

/* All threads intern the same content, each in a different order. */
static void intern_all(unsigned thread, void *argument) {
    (void)argument;
    for (uint64_t step = 0; step < CONTENTS; step++) {
        uint64_t content = (step * 7919 + thread * (CONTENTS / THREADS)) % CONTENTS;
        record *known = find(spread(content), content);
        if (!known) {
            known = &made[thread][content];
            CHECK(add(known, spread(content), content) == SP_INTERN_ADDED);
            atomic_fetch_add(&additions, 1);
        }
        CHECK(known->content == content);
        CHECK(find(spread(content), content) != NULL);
        CHECK(sp_intern_table_get(&table, known->head.id) == &known->head);
        mine[thread][content] = known;
    }
}

TEST(test_eight_threads_that_meet_the_same_contents_agree) {
    sp_intern_table_create(&table, NO_LIMIT);
    run_threads(THREADS, intern_all, NULL);
    assert_int_equal(table.count, additions);
    assert_int_equal(table.last_id, additions);
    assert_in_range(additions, CONTENTS, THREADS * CONTENTS); /* racing threads may add duplicates */
    uint32_t resolved = 0;
    for (uint32_t id = 1; id <= table.last_id; id++) {
        record *found = (record *)sp_intern_table_get(&table, id);
        assert_non_null(found);
        assert_int_equal(found->head.id, id);
        resolved++;
    }
    assert_int_equal(resolved, additions);
    for (uint64_t content = 0; content < CONTENTS; content++)
        for (unsigned thread = 0; thread < THREADS; thread++) assert_int_equal(mine[thread][content]->content, content);
}

static void add_different(unsigned thread, void *argument) {
    (void)argument;
    for (uint64_t i = 0; i < CONTENTS; i++) {
        uint64_t content = i * THREADS + thread;
        sp_intern_result result = add(&made[thread][i], spread(content), content);
        CHECK(result == SP_INTERN_ADDED || result == SP_INTERN_FULL);
        if (result == SP_INTERN_ADDED) {
            atomic_fetch_add(&additions, 1);
            CHECK(find(spread(content), content) == &made[thread][i]);
            mine[thread][i] = &made[thread][i];
        }
    }
}

TEST(test_eight_threads_fill_the_table_to_its_max) {
    sp_intern_table_create(&table, 100000);
    run_threads(THREADS, add_different, NULL);
    assert_int_equal(additions, 100000);
    assert_int_equal(table.count, 100000);
    assert_int_equal(table.last_id, 100000);
    static uint8_t seen[100001];
    for (unsigned thread = 0; thread < THREADS; thread++) {
        for (uint64_t i = 0; i < CONTENTS; i++) {
            if (!mine[thread][i]) continue;
            assert_in_range(mine[thread][i]->head.id, 1, 100000);
            assert_int_equal(seen[mine[thread][i]->head.id]++, 0);
            assert_ptr_equal(sp_intern_table_get(&table, mine[thread][i]->head.id), &mine[thread][i]->head);
            assert_ptr_equal(find(spread(i * THREADS + thread), i * THREADS + thread), mine[thread][i]);
        }
    }
}

/* ---- Hashes ---- */

TEST(test_every_bit_of_words_and_bytes_changes_the_hash) {
    uint64_t words[4] = {1, 2, 3, 4};
    uint64_t of_words = sp_intern_hash_words(0, words, 4), of_bytes = sp_intern_hash_bytes(0, words, 29);
    for (unsigned bit = 0; bit < 256; bit++) {
        words[bit / 64] ^= UINT64_C(1) << bit % 64;
        assert_true(sp_intern_hash_words(0, words, 4) != of_words);
        assert_int_equal(sp_intern_hash_bytes(0, words, 29) != of_bytes, bit < 29 * 8);
        words[bit / 64] ^= UINT64_C(1) << bit % 64;
    }
    assert_true(sp_intern_hash_words(0, words, 4) == of_words);
    assert_true(sp_intern_hash_words(1, words, 4) != of_words);
    assert_true(sp_intern_hash_words(0, words, 3) != of_words);
    assert_true(sp_intern_hash_bytes(0, words, 28) != of_bytes);
    assert_true(sp_intern_hash_bytes(1, words, 29) != of_bytes);
}

/* Neighbouring return addresses must not crowd the low bits, which choose the slot. */
TEST(test_hashes_of_neighbours_spread_over_the_slots) {
    static unsigned hits[1024];
    for (uint64_t i = 0; i < 1024 * 64; i++) {
        uint64_t frames[2] = {0x7F0012340000 + i * 4, 0x400000};
        hits[sp_intern_hash_words(0, frames, 2) & 1023]++;
    }
    double chi_squared = 0;
    for (int i = 0; i < 1024; i++) chi_squared += (hits[i] - 64.0) * (hits[i] - 64.0) / 64;
    assert_true(chi_squared < 1023 + 5 * 45.3); /* the mean plus five standard deviations */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_found_in_an_empty_table),
        cmocka_unit_test(test_records_are_found_by_content_and_by_id_through_many_levels),
        cmocka_unit_test(test_different_contents_of_one_hash_are_told_apart),
        cmocka_unit_test(test_probes_wrap_around_the_end_of_a_level),
        cmocka_unit_test(test_a_full_table_says_so_and_keeps_what_it_has),
        cmocka_unit_test(test_a_maximum_beyond_the_pages_is_cut_to_them),
        cmocka_unit_test(test_without_memory_nothing_is_added_and_later_it_is),
        cmocka_unit_test(test_a_level_that_finds_no_memory_leaves_the_others_readable),
        cmocka_unit_test(test_a_page_that_finds_no_memory_uses_up_no_room),
        cmocka_unit_test(test_eight_threads_that_meet_the_same_contents_agree),
        cmocka_unit_test(test_eight_threads_fill_the_table_to_its_max),
        cmocka_unit_test(test_every_bit_of_words_and_bytes_changes_the_hash),
        cmocka_unit_test(test_hashes_of_neighbours_spread_over_the_slots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
