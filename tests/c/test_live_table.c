#include "live_table.h"

#include "memory.h"
#include "options.h"
#include "support.h"

#include <stdlib.h>
#include <string.h>

#define POOL_MAX (1 << 18)
#define NO_LIMIT (UINT64_C(1) << 40)

/* The table publishes its filter for frees: spprof_may_be_live reads it. */
static sp_live_table table;
static spprof_sample copied[POOL_MAX];

/* The naive model: whether an address is listed, and the serial number of its latest sample. */
typedef struct model {
    uintptr_t addresses[POOL_MAX];
    uint64_t serials[POOL_MAX]; /* 0: not listed */
    size_t size, listed;
    uint64_t serial;
} model;
static model pool;

static void create(size_t max) {
    assert_true(sp_live_table_create(&table, &spprof_the_gate.filter, max));
}

/* Every member follows from the address and the serial number, so a mixture of two entries is detected. */
static spprof_sample sample_of(uintptr_t address, uint64_t serial) {
    return (spprof_sample){
        .address = address,
        .serial = serial,
        .size = address ^ serial,
        .time_ns = address + serial,
        .rate = (uint32_t)serial,
        .stack_id = (uint32_t)(address >> 4) + (uint32_t)serial,
        .thread_id = (uint32_t)address,
    };
}

static bool is_whole(const spprof_sample *sample) {
    spprof_sample expected = sample_of(sample->address, sample->serial);
    return memcmp(sample, &expected, sizeof expected) == 0;
}

/* ---- The model ---- */

static void insert_one(size_t i) {
    spprof_sample sample = sample_of(pool.addresses[i], ++pool.serial), replaced;
    sp_insert_result result = sp_live_table_insert(&table, &sample, &replaced);
    if (pool.serials[i] == 0) {
        assert_int_equal(result, SP_INSERTED);
        pool.listed++;
    } else {
        assert_int_equal(result, SP_REPLACED);
        assert_true(is_whole(&replaced));
        assert_int_equal(replaced.address, pool.addresses[i]);
        assert_int_equal(replaced.serial, pool.serials[i]);
    }
    pool.serials[i] = pool.serial;
}

static void remove_one(size_t i) {
    spprof_sample removed;
    bool found = sp_live_table_remove(&table, pool.addresses[i], &removed);
    assert_int_equal(found, pool.serials[i] != 0);
    if (!found) return;
    assert_true(is_whole(&removed));
    assert_int_equal(removed.address, pool.addresses[i]);
    assert_int_equal(removed.serial, pool.serials[i]);
    pool.serials[i] = 0;
    pool.listed--;
}

static int compare_addresses(const void *one, const void *other) {
    uint64_t a = ((const spprof_sample *)one)->address, b = ((const spprof_sample *)other)->address;
    return (a > b) - (a < b);
}

/* Check that the table lists the same entries as the model, each once, and that its filter lets none of their frees
 * through. */
static void assert_agreement(void) {
    assert_int_equal(sp_live_table_count(&table), pool.listed);
    assert_int_equal(sp_live_table_copy(&table, copied, POOL_MAX), pool.listed);
    qsort(copied, pool.listed, sizeof *copied, compare_addresses);
    for (size_t i = 0; i < pool.size; i++) {
        spprof_sample key = {.address = pool.addresses[i]};
        spprof_sample *found = bsearch(&key, copied, pool.listed, sizeof key, compare_addresses);
        assert_int_equal(found ? found->serial : 0, pool.serials[i]);
        if (!found) continue;
        assert_true(is_whole(found));
        assert_true(spprof_may_be_live((void *)pool.addresses[i]));
    }
}

/* Check that the counters equal those of a filter filled from scratch. */
static void assert_filter_is_a_recount(void) {
    const spprof_filter *filter = spprof_the_gate.filter;
    size_t counters = (size_t)filter->last + 1;
    uint16_t *expected = calloc(counters, sizeof *expected);
    for (size_t i = 0; i < pool.size; i++) {
        if (!pool.serials[i]) continue;
        expected[spprof_filter_index(filter, pool.addresses[i])]++;
        expected[sp_filter_second_index(filter, pool.addresses[i])]++;
    }
    for (size_t i = 0; i < counters; i++) assert_int_equal(filter->counters[i], expected[i]);
    free(expected);
}

static void play(uint64_t seed, size_t steps, size_t check_every) {
    for (size_t step = 1; step <= steps; step++) {
        size_t i = random_below(&seed, pool.size);
        if (next_random(&seed) >> 63)
            insert_one(i);
        else
            remove_one(i);
        if (step % check_every == 0) assert_agreement();
    }
    assert_agreement();
    assert_filter_is_a_recount();
    for (size_t i = 0; i < pool.size; i++) remove_one(i);
    assert_int_equal(pool.listed, 0);
    assert_agreement();
    assert_filter_is_a_recount();
}

static void fill_pool(size_t size, uint64_t top, unsigned bits) {
    for (size_t i = 0; i < size; i++) pool.addresses[pool.size++] = address_with_hash(top, bits, i);
}

static void fill_pool_at_random(size_t size, uint64_t seed) {
    for (size_t i = 0; i < size; i++, pool.size++) /* including pool.size makes the addresses differ */
        pool.addresses[pool.size] = (random_below(&seed, UINT64_C(1) << 20) << 24 | (pool.size + 1)) << 4;
}

static unsigned filter_bits(void) {
    return sp_filter_bits(spprof_the_gate.filter);
}

/* ---- Compared with the model ---- */

TEST(test_random_inserts_and_removes_agree_with_a_model) {
    create(NO_LIMIT);
    fill_pool_at_random(4000, 1);
    for (uint64_t seed = 1; seed <= 4; seed++) play(seed, 40000, 2000);
}

TEST(test_addresses_of_one_home_slot_agree_with_a_model) {
    create(NO_LIMIT);
    fill_pool(40, 0x155555, 6 + 20);
    for (uint64_t seed = 1; seed <= 20; seed++) play(seed, 2000, 1);
}

/* The homes are the last and first slots of the table at every size, so clusters wrap around the end. */
TEST(test_clusters_across_the_end_of_a_table_agree_with_a_model) {
    create(NO_LIMIT);
    fill_pool(12, 0x17FFFFF, 6 + 20 - 1);
    fill_pool(12, 0x17FFFFE, 6 + 20 - 1);
    fill_pool(6, 0x1700000, 6 + 20 - 1);
    fill_pool(6, 0x1700001, 6 + 20 - 1);
    for (uint64_t seed = 1; seed <= 20; seed++) play(seed, 2000, 1);
}

/* All homes are in one shard and close together. The clusters are long and have many homes, which backward shifting
 * must distinguish. */
TEST(test_one_crowded_shard_agrees_with_a_model) {
    create(NO_LIMIT);
    for (uint64_t home = 0; home < 16; home++) fill_pool(3, 33 << 6 | (56 + home) % 64, 6 + 6);
    for (uint64_t seed = 1; seed <= 20; seed++) play(seed, 2000, 1);
}

TEST(test_an_entry_newer_than_a_late_free_stays) {
    create(NO_LIMIT);
    fill_pool(3, 7, 6);
    for (size_t i = 0; i < 3; i++) insert_one(i);
    spprof_sample removed;
    uint64_t serial = pool.serials[1];
    assert_false(sp_live_table_remove_until(&table, pool.addresses[1], serial - 1, &removed));
    assert_agreement();
    assert_true(sp_live_table_remove_until(&table, pool.addresses[1], serial, &removed));
    assert_int_equal(removed.serial, serial);
    assert_int_equal(sp_live_table_count(&table), 2);
}

TEST(test_a_listed_address_is_replaced_and_its_old_entry_handed_out) {
    create(NO_LIMIT);
    fill_pool(3, 7, 6);
    for (size_t i = 0; i < 3; i++) insert_one(i);
    insert_one(1);
    assert_int_equal(sp_live_table_count(&table), 3);
    assert_agreement();
    assert_filter_is_a_recount();
}

TEST(test_an_address_never_inserted_is_not_found) {
    spprof_sample removed;
    create(NO_LIMIT);
    assert_false(sp_live_table_remove(&table, 0x1000, &removed));
    fill_pool(2, 7, 26);
    insert_one(0);
    assert_false(sp_live_table_remove(&table, pool.addresses[1], &removed));
    assert_int_equal(sp_live_table_count(&table), 1);
}

TEST(test_growth_through_many_doublings_keeps_every_entry) {
    create(NO_LIMIT);
    fill_pool_at_random(200000, 2);
    for (size_t i = 0; i < pool.size; i++) {
        insert_one(i);
        if ((i & (i + 1)) == 0) assert_agreement();
    }
    assert_agreement();
    size_t slots = SP_SHARDS * ((size_t)8192 * sizeof(spprof_sample) + sp_memory_page_bytes());
    size_t filters = (size_t)2 << filter_bits();
    assert_in_range(sp_memory_mapped(), 0, slots + filters + 64 * 1024); /* the smaller slots were unmapped */
    for (size_t i = 0; i < pool.size; i += 2) remove_one(i);
    assert_agreement();
    assert_filter_is_a_recount();
}

/* There are no tombstones: neither memory nor the length of a search grows with earlier insertions. */
TEST(test_memory_does_not_grow_with_age) {
    create(NO_LIMIT);
    fill_pool_at_random(60000, 3);
    for (size_t i = 0; i < 1000; i++) insert_one(i);
    size_t mapped = sp_memory_mapped();
    for (size_t i = 1000; i < pool.size; i++) {
        remove_one(i - 1000);
        insert_one(i);
    }
    assert_agreement();
    assert_in_range(sp_memory_mapped(), mapped, mapped + SP_SHARDS * 8192);
}

TEST(test_a_copy_writes_no_more_than_its_capacity) {
    create(NO_LIMIT);
    fill_pool_at_random(1000, 4);
    for (size_t i = 0; i < pool.size; i++) insert_one(i);
    for (size_t capacity = 0; capacity <= 1000; capacity += 125) {
        memset(copied, 0, sizeof *copied * 1001);
        assert_int_equal(sp_live_table_copy(&table, copied, capacity), 1000);
        for (size_t i = 0; i < capacity; i++) assert_true(copied[i].address != 0 && is_whole(&copied[i]));
        for (size_t i = capacity; i < 1001; i++) assert_int_equal(copied[i].address, 0);
    }
}

/* ---- The filter ---- */

TEST(test_an_empty_filter_passes_everything) {
    create(NO_LIMIT);
    assert_int_equal(filter_bits(), SP_FILTER_BITS_MIN);
    fill_pool_at_random(1000, 5);
    for (size_t i = 0; i < pool.size; i++) assert_false(spprof_may_be_live((void *)pool.addresses[i]));
}

/* The filter is doubled when there is more than 1 sample per 32 counters. */
TEST(test_the_filter_doubles_with_the_table) {
    create(NO_LIMIT);
    fill_pool_at_random(70000, 6);
    for (size_t i = 0; i < pool.size; i++) {
        insert_one(i);
        unsigned bits = SP_FILTER_BITS_MIN;
        while (i + 1 > ((size_t)1 << bits) / 32) bits++;
        assert_int_equal(filter_bits(), bits);
        if ((i & (i - 1)) == 0) assert_filter_is_a_recount();
    }
    assert_int_equal(filter_bits(), 22);
    assert_filter_is_a_recount();
    assert_agreement();
}

/* A free that read the old filter just before it was replaced must find its entry there. */
TEST(test_a_replaced_filter_still_knows_what_was_live_then) {
    create(NO_LIMIT);
    fill_pool_at_random(4097, 7);
    const spprof_filter *first = spprof_the_gate.filter;
    for (size_t i = 0; i < 4097; i++) insert_one(i);
    assert_ptr_not_equal(spprof_the_gate.filter, first);
    for (size_t i = 0; i < 4097; i++)
        assert_int_not_equal(first->counters[spprof_filter_index(first, pool.addresses[i])], 0);
}

/* For blocks at any distance that is a power of two, only a few of 2000 share a counter with others. */
TEST(test_blocks_at_regular_distances_are_spread_over_shards_and_counters) {
    create(NO_LIMIT);
    static unsigned at_counter[1 << SP_FILTER_BITS_MIN];
    for (unsigned bits = 4; bits < 35; bits++) {
        for (uint64_t times = 1; times <= 5; times += 2) {
            unsigned at_shard[SP_SHARDS] = {0}, shared = 0;
            memset(at_counter, 0, sizeof at_counter);
            for (uint64_t n = 0; n < 2000; n++) {
                uintptr_t address = UINT64_C(0x7F0012345010) + n * (times << bits);
                at_shard[sp_filter_shard(address)]++;
                shared += at_counter[spprof_filter_index(spprof_the_gate.filter, address)]++ != 0;
            }
            for (int i = 0; i < SP_SHARDS; i++) assert_in_range(at_shard[i], 1, 80); /* 31 on average */
            assert_in_range(shared, 0, 30);                                          /* 15 at random */
        }
    }
}

TEST(test_a_counter_sticks_at_255_until_the_filter_grows) {
    create(NO_LIMIT);
    const spprof_filter *filter = spprof_the_gate.filter;
    for (uint64_t address = 16; pool.size < 300; address += 16)
        if (spprof_filter_index(filter, address) == 0xABCD && sp_filter_second_index(filter, address) != 0xABCD)
            pool.addresses[pool.size++] = address;
    for (size_t i = 0; i < 254; i++) insert_one(i);
    assert_int_equal(spprof_the_gate.filter->counters[0xABCD], 254);
    remove_one(0);
    assert_int_equal(spprof_the_gate.filter->counters[0xABCD], 253);
    insert_one(0);
    for (size_t i = 254; i < 300; i++) insert_one(i);
    assert_int_equal(spprof_the_gate.filter->counters[0xABCD], 255);
    for (size_t i = 0; i < 300; i++) remove_one(i);
    assert_int_equal(spprof_the_gate.filter->counters[0xABCD], 255);
    fill_pool_at_random(5000, 8);
    for (size_t i = 300; i < pool.size; i++) insert_one(i);
    assert_int_equal(filter_bits(), SP_FILTER_BITS_MIN + 1);
    assert_filter_is_a_recount();
}

/* ---- Memory shortages ---- */

TEST(test_max_is_reached_exactly) {
    create(100);
    fill_pool_at_random(102, 9);
    for (size_t i = 0; i < 100; i++) insert_one(i);
    spprof_sample one_more = sample_of(pool.addresses[100], 1), replaced;
    assert_int_equal(sp_live_table_insert(&table, &one_more, &replaced), SP_TABLE_FULL);
    assert_agreement();
    assert_false(spprof_may_be_live((void *)pool.addresses[100]));
    insert_one(50); /* needs no additional room */
    remove_one(7);
    insert_one(101);
    assert_int_equal(sp_live_table_insert(&table, &one_more, &replaced), SP_TABLE_FULL);
    assert_agreement();
    assert_filter_is_a_recount();
}

TEST(test_create_without_memory_says_so) {
    sp_options.engine_bytes_max = 4096;
    assert_false(sp_live_table_create(&table, &spprof_the_gate.filter, NO_LIMIT));
}

static void let_memory_fail(void) {
    sp_options.engine_bytes_max = sp_memory_mapped();
}

static void assert_no_memory_for(size_t i) {
    spprof_sample sample = sample_of(pool.addresses[i], 1), replaced;
    assert_int_equal(sp_live_table_insert(&table, &sample, &replaced), SP_TABLE_NO_MEMORY);
}

TEST(test_a_first_entry_without_memory_is_refused) {
    create(NO_LIMIT);
    let_memory_fail();
    fill_pool_at_random(1, 10);
    assert_no_memory_for(0);
    assert_agreement();
    assert_false(spprof_may_be_live((void *)pool.addresses[0]));
}

/* The shard has 64 slots, one of which must stay empty to end searches. */
TEST(test_a_shard_that_cannot_grow_goes_on_to_its_last_but_one_slot) {
    create(NO_LIMIT);
    fill_pool(80, 12, 6);
    insert_one(0);
    let_memory_fail();
    for (size_t i = 1; i < 63; i++) insert_one(i);
    for (size_t i = 63; i < 80; i++) assert_no_memory_for(i);
    assert_agreement();
    assert_filter_is_a_recount();
    remove_one(30);
    insert_one(70);
    assert_no_memory_for(71);
    insert_one(5); /* replacing needs no room */
    assert_agreement();
    sp_options.engine_bytes_max = NO_LIMIT;
    insert_one(71);
    for (size_t i = 72; i < 80; i++) insert_one(i);
    assert_agreement();
    for (size_t i = 0; i < 80; i++) remove_one(i);
    assert_filter_is_a_recount();
}

TEST(test_a_filter_that_cannot_grow_stays_right) {
    create(NO_LIMIT);
    fill_pool_at_random(6000, 11);
    for (size_t i = 0; i < 4096; i++) insert_one(i); /* shards of 64 entries; 128 slots hold up to 96 */
    let_memory_fail();
    for (size_t i = 4096; i < 4296; i++) insert_one(i);
    assert_int_equal(filter_bits(), SP_FILTER_BITS_MIN);
    assert_agreement();
    assert_filter_is_a_recount();
    sp_options.engine_bytes_max = NO_LIMIT;
    insert_one(4296);
    assert_int_equal(filter_bits(), SP_FILTER_BITS_MIN + 1);
    assert_agreement();
    assert_filter_is_a_recount();
}

/* ---- Closed ---- */

TEST(test_a_closed_table_keeps_its_entries_and_takes_no_more) {
    create(NO_LIMIT);
    fill_pool_at_random(500, 12);
    for (size_t i = 0; i < 400; i++) insert_one(i);
    sp_live_table_close(&table);
    assert_ptr_equal(spprof_the_gate.filter, &sp_filter_empty);
    for (size_t i = 0; i < 400; i++) assert_false(spprof_may_be_live((void *)pool.addresses[i]));
    spprof_sample late = sample_of(pool.addresses[450], 1), replaced;
    assert_int_equal(sp_live_table_insert(&table, &late, &replaced), SP_TABLE_CLOSED);
    assert_int_equal(sp_live_table_count(&table), 400);
    assert_int_equal(sp_live_table_copy(&table, copied, POOL_MAX), 400);
    for (size_t i = 0; i < 400; i++) remove_one(i); /* frees in progress */
}

TEST(test_the_filter_of_a_closed_table_is_never_written) {
    create(NO_LIMIT);
    fill_pool_at_random(6000, 13);
    for (size_t i = 0; i < 100; i++) insert_one(i);
    sp_live_table_close(&table);
    insert_one(50); /* replaces an existing entry */
    for (size_t i = 0; i < 100; i++) remove_one(i);
    assert_ptr_equal(spprof_the_gate.filter, &sp_filter_empty);
    for (size_t i = 0; i < 1 << SP_SHARD_BITS; i++) assert_int_equal(sp_filter_empty.counters[i], 0);
}

/* ---- Threads ---- */

#define THREADS 8
#define OWN 600
#define COMMON 300
#define STEPS 60000

static _Atomic int64_t inserted[COMMON], removed_times[COMMON];

static uintptr_t own_address(unsigned thread, size_t i) {
    return pool.addresses[COMMON + thread * OWN + i];
}

/* Each thread knows every outcome for its own addresses; outcomes for the shared ones are counted. */
static void insert_and_remove(unsigned thread, void *argument) {
    (void)argument;
    uint64_t serials[OWN] = {0}, seed = thread + 100;
    spprof_sample other;
    for (uint64_t step = 1; step <= STEPS; step++) {
        uint64_t choice = next_random(&seed), i = choice % OWN, common = choice % COMMON;
        spprof_sample own = sample_of(own_address(thread, i), step);
        switch (choice >> 62) {
        case 0:
            CHECK(sp_live_table_insert(&table, &own, &other) == (serials[i] ? SP_REPLACED : SP_INSERTED));
            CHECK(!serials[i] || (other.serial == serials[i] && is_whole(&other)));
            CHECK(spprof_may_be_live((void *)own_address(thread, i)));
            serials[i] = step;
            break;
        case 1:
            CHECK(!serials[i] || spprof_may_be_live((void *)own_address(thread, i)));
            CHECK(sp_live_table_remove(&table, own_address(thread, i), &other) == (serials[i] != 0));
            CHECK(!serials[i] || (other.serial == serials[i] && is_whole(&other)));
            serials[i] = 0;
            break;
        case 2:
            own = sample_of(pool.addresses[common], step);
            if (sp_live_table_insert(&table, &own, &other) == SP_INSERTED) atomic_fetch_add(&inserted[common], 1);
            break;
        case 3:
            if (!sp_live_table_remove(&table, pool.addresses[common], &other)) break;
            CHECK(is_whole(&other));
            atomic_fetch_add(&removed_times[common], 1);
        }
    }
    for (size_t i = 0; i < OWN; i++) pool.serials[COMMON + thread * OWN + i] = serials[i];
}

TEST(test_eight_threads_leave_exactly_what_they_inserted) {
    create(NO_LIMIT);
    fill_pool(COMMON, 3, 2);
    fill_pool_at_random(THREADS * OWN, 14);
    run_threads(THREADS, insert_and_remove, NULL);
    size_t common = 0;
    for (size_t i = 0; i < COMMON; i++) {
        int64_t listed = inserted[i] - removed_times[i];
        assert_in_range(listed, 0, 1);
        spprof_sample removed;
        assert_int_equal(sp_live_table_remove(&table, pool.addresses[i], &removed), listed);
        common += (size_t)listed;
    }
    assert_int_not_equal(common, 0);
    for (size_t i = COMMON; i < pool.size; i++) pool.listed += pool.serials[i] != 0;
    assert_agreement();
    assert_filter_is_a_recount();
}

/* The table grows and shrinks past the filter's doublings while other threads look up. */
static void grow_together(unsigned thread, void *argument) {
    (void)argument;
    size_t share = pool.size / THREADS, first = thread * share;
    spprof_sample other;
    for (size_t i = first; i < first + share; i++) {
        spprof_sample sample = sample_of(pool.addresses[i], i + 1);
        CHECK(sp_live_table_insert(&table, &sample, &other) == SP_INSERTED);
        CHECK(spprof_may_be_live((void *)pool.addresses[i]));
        CHECK(spprof_may_be_live((void *)pool.addresses[first]));
        if ((i - first) % 3 == 1) CHECK(sp_live_table_remove(&table, pool.addresses[i], &other) && is_whole(&other));
        pool.serials[i] = (i - first) % 3 == 1 ? 0 : i + 1;
    }
}

TEST(test_eight_threads_grow_table_and_filter_together) {
    create(NO_LIMIT);
    fill_pool_at_random(THREADS * 20000, 15);
    run_threads(THREADS, grow_together, NULL);
    for (size_t i = 0; i < pool.size; i++) pool.listed += pool.serials[i] != 0;
    assert_agreement();
    assert_filter_is_a_recount();
    assert_int_equal(filter_bits(), 22);
}

/* `max` is exact to a single entry, whichever thread comes first. */
static _Atomic size_t successes;

static void compete(unsigned thread, void *argument) {
    (void)argument;
    spprof_sample other;
    for (size_t i = thread; i < pool.size; i += THREADS) {
        spprof_sample sample = sample_of(pool.addresses[i], 1);
        if (sp_live_table_insert(&table, &sample, &other) == SP_INSERTED) atomic_fetch_add(&successes, 1);
    }
}

TEST(test_eight_threads_fill_the_table_to_its_max) {
    create(5000);
    fill_pool_at_random(8000, 16);
    run_threads(THREADS, compete, NULL);
    assert_int_equal(successes, 5000);
    assert_int_equal(sp_live_table_count(&table), 5000);
    assert_int_equal(sp_live_table_copy(&table, copied, POOL_MAX), 5000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_entry_newer_than_a_late_free_stays),
        cmocka_unit_test(test_random_inserts_and_removes_agree_with_a_model),
        cmocka_unit_test(test_addresses_of_one_home_slot_agree_with_a_model),
        cmocka_unit_test(test_clusters_across_the_end_of_a_table_agree_with_a_model),
        cmocka_unit_test(test_one_crowded_shard_agrees_with_a_model),
        cmocka_unit_test(test_a_listed_address_is_replaced_and_its_old_entry_handed_out),
        cmocka_unit_test(test_an_address_never_inserted_is_not_found),
        cmocka_unit_test(test_growth_through_many_doublings_keeps_every_entry),
        cmocka_unit_test(test_memory_does_not_grow_with_age),
        cmocka_unit_test(test_a_copy_writes_no_more_than_its_capacity),
        cmocka_unit_test(test_an_empty_filter_passes_everything),
        cmocka_unit_test(test_the_filter_doubles_with_the_table),
        cmocka_unit_test(test_a_replaced_filter_still_knows_what_was_live_then),
        cmocka_unit_test(test_blocks_at_regular_distances_are_spread_over_shards_and_counters),
        cmocka_unit_test(test_a_counter_sticks_at_255_until_the_filter_grows),
        cmocka_unit_test(test_max_is_reached_exactly),
        cmocka_unit_test(test_create_without_memory_says_so),
        cmocka_unit_test(test_a_first_entry_without_memory_is_refused),
        cmocka_unit_test(test_a_shard_that_cannot_grow_goes_on_to_its_last_but_one_slot),
        cmocka_unit_test(test_a_filter_that_cannot_grow_stays_right),
        cmocka_unit_test(test_a_closed_table_keeps_its_entries_and_takes_no_more),
        cmocka_unit_test(test_the_filter_of_a_closed_table_is_never_written),
        cmocka_unit_test(test_eight_threads_leave_exactly_what_they_inserted),
        cmocka_unit_test(test_eight_threads_grow_table_and_filter_together),
        cmocka_unit_test(test_eight_threads_fill_the_table_to_its_max),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
