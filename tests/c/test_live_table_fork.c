/* A forked child finds the live table as the parent's other threads left it in the middle of a change. First, the
 * states between two stores are set up by hand, with the table's own static functions. Then eight threads produce them
 * by chance.
 */
#include "live_table.c"

#include "options.h"
#include "support.h"

#include <string.h>

#define MEMBERS 40
#define NO_LIMIT (UINT64_C(1) << 40)

static sp_live_table table;
static spprof_sample copied[1 << 16];

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

/* ---- States made by hand ---- */

/* All entries are in one shard and have one home: entry i is i slots after the first. */
static uintptr_t address_of(size_t i) {
    return address_with_hash(0x1500000, 26, i);
}

static sp_live_shard *the_shard(void) {
    return shard_of(&table, address_of(0));
}

static spprof_sample *slot_of(size_t i) {
    sp_live_slots *slots = slots_of(the_shard());
    return &slots->at[(home(slots, address_of(0)) + i) & slots->mask];
}

static void fill(size_t count) {
    assert_true(sp_live_table_create(&table, &spprof_the_gate.filter, NO_LIMIT));
    for (size_t i = 0; i < count; i++) {
        spprof_sample sample = sample_of(address_of(i), 1), replaced;
        assert_int_equal(sp_live_table_insert(&table, &sample, &replaced), SP_INSERTED);
    }
    for (size_t i = 0; i < count; i++) assert_int_equal(slot_of(i)->address, address_of(i));
}

/* Leave the shard as another thread would in the middle of a change: locked, with an odd version. */
static void begin_by_another_thread(void) {
    the_shard()->lock.state = 1;
    begin_change(the_shard());
}

static void assert_filter_is_a_recount(void) {
    const spprof_filter *filter = spprof_the_gate.filter;
    static uint8_t expected[1 << 20];
    assert_true(sp_filter_bits(filter) <= 20);
    memset(expected, 0, sizeof expected);
    size_t count = sp_live_table_copy(&table, copied, 1 << 16);
    for (size_t i = 0; i < count; i++) {
        expected[spprof_filter_index(filter, copied[i].address)]++;
        expected[sp_filter_second_index(filter, copied[i].address)]++;
    }
    assert_memory_equal(expected, filter->counters, (size_t)filter->last + 1);
}

/* Check that the first `count` entries except `missing` are there, and no others, and that each is found and
 * complete. */
static void assert_repaired(size_t count, size_t missing) {
    sp_live_table_repair_after_fork(&table);
    size_t listed = missing < count ? count - 1 : count;
    assert_int_equal(sp_live_table_count(&table), listed);
    assert_int_equal(sp_live_table_copy(&table, copied, MEMBERS), listed);
    assert_filter_is_a_recount();
    assert_int_equal(the_shard()->sequence % 2, 0);
    for (size_t i = 0; i < count; i++) {
        spprof_sample removed;
        assert_int_equal(sp_live_table_remove(&table, address_of(i), &removed), i != missing);
        if (i == missing) continue;
        assert_int_equal(removed.address, address_of(i));
        assert_true(is_whole(&removed));
    }
    assert_int_equal(sp_live_table_count(&table), 0);
}

#define NONE SIZE_MAX

TEST(test_a_table_at_rest_is_left_as_it_is) {
    fill(MEMBERS);
    sp_live_slots *before = slots_of(the_shard());
    the_shard()->lock.state = 2; /* locked by a reader */
    sp_live_table_repair_after_fork(&table);
    assert_ptr_equal(slots_of(the_shard()), before);
    assert_repaired(MEMBERS, NONE);
}

TEST(test_a_removal_begun_but_not_seen_changes_nothing) {
    fill(MEMBERS);
    begin_by_another_thread();
    assert_repaired(MEMBERS, NONE);
}

/* The address of the removed entry is cleared, but its followers have not moved: they are behind a hole. */
TEST(test_followers_beyond_a_hole_are_found_again) {
    fill(MEMBERS);
    begin_by_another_thread();
    slot_of(10)->address = 0;
    assert_repaired(MEMBERS, 10);
}

/* The follower's content has been copied, but its address has not. */
TEST(test_an_entry_copied_without_its_address_counts_once) {
    fill(MEMBERS);
    begin_by_another_thread();
    spprof_sample copy = *slot_of(11);
    copy.address = 0;
    *slot_of(10) = copy;
    assert_repaired(MEMBERS, 10);
}

TEST(test_an_entry_half_moved_stands_in_two_slots_and_counts_once) {
    fill(MEMBERS);
    begin_by_another_thread();
    *slot_of(10) = *slot_of(11);
    assert_repaired(MEMBERS, 10);
}

/* Every step of closing a hole: k followers have moved, and the next one exists twice. */
TEST(test_every_step_of_closing_a_hole_is_repaired) {
    fill(MEMBERS);
    for (size_t moved = 1; moved < MEMBERS - 10; moved++) {
        begin_by_another_thread();
        for (size_t i = 0; i < moved; i++) *slot_of(10 + i) = *slot_of(11 + i);
        assert_repaired(MEMBERS, 10);
        for (size_t i = 0; i < MEMBERS; i++) {
            spprof_sample sample = sample_of(address_of(i), 1), replaced;
            assert_int_equal(sp_live_table_insert(&table, &sample, &replaced), SP_INSERTED);
        }
    }
}

TEST(test_a_removal_not_yet_counted_is_counted) {
    fill(MEMBERS);
    begin_by_another_thread();
    close_hole(slots_of(the_shard()), (uint64_t)(slot_of(10) - slots_of(the_shard())->at));
    assert_repaired(MEMBERS, 10);
}

TEST(test_an_insert_counted_in_the_table_but_not_written_is_taken_back) {
    fill(MEMBERS);
    begin_by_another_thread();
    reserve(&table);
    assert_repaired(MEMBERS, NONE);
}

TEST(test_an_entry_written_without_its_address_is_dropped) {
    fill(MEMBERS - 1);
    begin_by_another_thread();
    reserve(&table);
    *slot_of(MEMBERS - 1) = sample_of(address_of(MEMBERS - 1), 1);
    slot_of(MEMBERS - 1)->address = 0;
    assert_repaired(MEMBERS, MEMBERS - 1);
}

TEST(test_an_entry_written_but_counted_nowhere_is_counted) {
    fill(MEMBERS - 1);
    begin_by_another_thread();
    *slot_of(MEMBERS - 1) = sample_of(address_of(MEMBERS - 1), 1);
    assert_repaired(MEMBERS, NONE);
}

/* The larger slots have been filled, but the shard still uses the smaller ones. */
TEST(test_a_growth_not_yet_published_is_forgotten) {
    fill(MEMBERS);
    begin_by_another_thread();
    sp_live_slots *old = slots_of(the_shard()), *grown = create_slots((old->mask + 1) * 2);
    for (size_t i = 0; i <= old->mask; i++)
        if (old->at[i].address) grown->at[find(grown, old->at[i].address)] = old->at[i];
    assert_repaired(MEMBERS, NONE);
}

TEST(test_a_growth_just_published_stands) {
    fill(MEMBERS);
    begin_by_another_thread();
    sp_live_slots *old = slots_of(the_shard()), *grown = create_slots((old->mask + 1) * 2);
    for (size_t i = 0; i <= old->mask; i++)
        if (old->at[i].address) grown->at[find(grown, old->at[i].address)] = old->at[i];
    atomic_store(&the_shard()->slots, grown); /* the old slots are not unmapped */
    assert_repaired(MEMBERS, NONE);
}

TEST(test_a_first_insert_cut_short_leaves_an_empty_shard) {
    fill(0);
    begin_by_another_thread();
    assert_repaired(0, NONE);
    spprof_sample sample = sample_of(address_of(0), 1), replaced;
    assert_int_equal(sp_live_table_insert(&table, &sample, &replaced), SP_INSERTED);
}

TEST(test_a_closed_table_is_repaired_without_its_filter) {
    fill(MEMBERS);
    sp_live_table_close(&table);
    begin_by_another_thread();
    slot_of(10)->address = 0;
    sp_live_table_repair_after_fork(&table);
    assert_int_equal(sp_live_table_count(&table), MEMBERS - 1);
    assert_ptr_equal(spprof_the_gate.filter, &sp_filter_empty);
    for (size_t i = 0; i < 1 << SP_SHARD_BITS; i++) assert_int_equal(sp_filter_empty.counters[i], 0);
}

/* If there is no memory to rebuild a shard, its entries are lost and counted as lost; the others stay. */
TEST(test_a_shard_that_finds_no_memory_starts_anew) {
    fill(MEMBERS);
    spprof_sample elsewhere = sample_of(address_with_hash(3, 6, 0), 1), replaced;
    assert_int_equal(sp_live_table_insert(&table, &elsewhere, &replaced), SP_INSERTED);
    begin_by_another_thread();
    sp_options.engine_bytes_max = 0;
    sp_live_table_repair_after_fork(&table);
    assert_int_equal(sp_live_table_count(&table), 1);
    assert_filter_is_a_recount();
    assert_false(sp_live_table_remove(&table, address_of(0), &replaced));
    sp_options.engine_bytes_max = NO_LIMIT;
    elsewhere = sample_of(address_of(0), 2);
    assert_int_equal(sp_live_table_insert(&table, &elsewhere, &replaced), SP_INSERTED);
    assert_int_equal(sp_live_table_count(&table), 2);
}

/* ---- States made by eight threads ---- */

#define THREADS 8
#define OWN 96
#define FORKS 400

/* The changes that a thread has completed. MOVING: the entry may or may not be in the table. */
enum { OUT, IN, MOVING };
static _Atomic int known[THREADS][OWN];
static uintptr_t owned[THREADS][OWN];
static _Atomic bool enough;

/* Use few shards and few homes. This makes long clusters, so that most removals shift many entries. */
static void choose_addresses(void) {
    for (unsigned thread = 0; thread < THREADS; thread++)
        for (size_t i = 0; i < OWN; i++)
            owned[thread][i] = address_with_hash((i % 2 ? 0x2A00 : 0x3BFF) + i % 8 / 2 * 16, 14, thread * OWN + i);
}

static void keep_changing(unsigned thread) {
    uint64_t seed = thread + 1;
    spprof_sample other;
    for (uint64_t serial = 1; !atomic_load_explicit(&enough, memory_order_relaxed); serial++) {
        size_t i = random_below(&seed, OWN);
        int before = known[thread][i];
        spprof_sample sample = sample_of(owned[thread][i], serial);
        atomic_store(&known[thread][i], MOVING);
        if (before == OUT)
            CHECK(sp_live_table_insert(&table, &sample, &other) == SP_INSERTED);
        else
            CHECK(sp_live_table_remove(&table, owned[thread][i], &other) && is_whole(&other));
        atomic_store(&known[thread][i], before == OUT ? IN : OUT);
    }
}

/* Runs in the child, on its only thread. */
static void check_child(void *argument) {
    (void)argument;
    sp_live_table_repair_after_fork(&table);
    size_t listed = sp_live_table_count(&table), removed = 0;
    CHECK(sp_live_table_copy(&table, copied, 1 << 16) == listed);
    for (unsigned thread = 0; thread < THREADS; thread++) {
        for (size_t i = 0; i < OWN; i++) {
            spprof_sample sample;
            bool may_be = spprof_may_be_live((void *)owned[thread][i]);
            bool found = sp_live_table_remove(&table, owned[thread][i], &sample);
            CHECK(known[thread][i] == MOVING || found == (known[thread][i] == IN));
            CHECK(!found || (may_be && is_whole(&sample)));
            removed += found;
        }
    }
    CHECK(removed == listed);
    CHECK(sp_live_table_count(&table) == 0);
    CHECK(sp_live_table_copy(&table, copied, 1 << 16) == 0);
    const spprof_filter *filter = spprof_the_gate.filter;
    for (size_t i = 0; i < (size_t)filter->last + 1; i++) CHECK(filter->counters[i] == 0);
}

static void fork_often(void) {
    for (unsigned i = 0; i < FORKS; i++) run_in_child(check_child, NULL);
    atomic_store(&enough, true);
}

static void change_or_fork(unsigned thread, void *argument) {
    (void)argument;
    if (thread < THREADS)
        keep_changing(thread);
    else
        fork_often();
}

TEST(test_children_of_a_busy_parent_find_a_whole_table) {
    choose_addresses();
    assert_true(sp_live_table_create(&table, &spprof_the_gate.filter, NO_LIMIT));
    run_threads(THREADS + 1, change_or_fork, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_table_at_rest_is_left_as_it_is),
        cmocka_unit_test(test_a_removal_begun_but_not_seen_changes_nothing),
        cmocka_unit_test(test_followers_beyond_a_hole_are_found_again),
        cmocka_unit_test(test_an_entry_copied_without_its_address_counts_once),
        cmocka_unit_test(test_an_entry_half_moved_stands_in_two_slots_and_counts_once),
        cmocka_unit_test(test_every_step_of_closing_a_hole_is_repaired),
        cmocka_unit_test(test_a_removal_not_yet_counted_is_counted),
        cmocka_unit_test(test_an_insert_counted_in_the_table_but_not_written_is_taken_back),
        cmocka_unit_test(test_an_entry_written_without_its_address_is_dropped),
        cmocka_unit_test(test_an_entry_written_but_counted_nowhere_is_counted),
        cmocka_unit_test(test_a_growth_not_yet_published_is_forgotten),
        cmocka_unit_test(test_a_growth_just_published_stands),
        cmocka_unit_test(test_a_first_insert_cut_short_leaves_an_empty_shard),
        cmocka_unit_test(test_a_closed_table_is_repaired_without_its_filter),
        cmocka_unit_test(test_a_shard_that_finds_no_memory_starts_anew),
        cmocka_unit_test(test_children_of_a_busy_parent_find_a_whole_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
