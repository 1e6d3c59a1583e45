/* The table of ranges, compared with an array that has one element per address. */
#include "options.h"
#include "range_table.h"
#include "support.h"

#include <stdlib.h>
#include <string.h>

#define ADDRESSES 2048
#define SERIALS (1 << 13)

typedef struct model {
    uint64_t serial_at[ADDRESSES]; /* serial number of the range there; 0: none */
    int64_t held[SERIALS];         /* indexed by serial number, which is also the stack's id */
    sp_range_table table;
    uint64_t last_serial, random;
} model;

static model *the; /* the model that the holder's callbacks update */

static void hold(uint64_t stack_id, int change) {
    the->held[stack_id] += change;
}

static model *create(uint64_t max, uint64_t seed) {
    the = calloc(1, sizeof *the);
    the->random = seed;
    assert_true(sp_range_table_create(&the->table, max, hold));
    return the;
}

/* ---- The table in the form of such an array ---- */

static void check_order(const sp_range *ranges, size_t count) {
    for (size_t i = 0; i < count; i++) {
        CHECK(ranges[i].start < ranges[i].end && ranges[i].end <= ADDRESSES);
        CHECK(i == 0 || ranges[i - 1].end <= ranges[i].start);
    }
}

static void check(model *model) {
    static sp_range ranges[ADDRESSES];
    static uint64_t serial_at[ADDRESSES];
    static int64_t held[SERIALS];
    uint64_t bytes = 0;
    size_t count = sp_range_table_copy(&model->table, ranges, ADDRESSES);
    check_order(ranges, count);
    memset(serial_at, 0, sizeof serial_at);
    memset(held, 0, sizeof held);
    for (size_t i = 0; i < count; i++) {
        held[ranges[i].stack_id]++;
        bytes += ranges[i].end - ranges[i].start;
        for (uintptr_t at = ranges[i].start; at < ranges[i].end; at++) serial_at[at] = ranges[i].serial;
    }
    CHECK(memcmp(serial_at, model->serial_at, sizeof serial_at) == 0);
    CHECK(memcmp(held, model->held, sizeof held) == 0);
    CHECK(atomic_load(&model->table.count) == count && atomic_load(&model->table.bytes) == bytes);
}

static void check_next(model *model) {
    sp_range found;
    uintptr_t address = random_below(&model->random, ADDRESSES), at = address;
    while (at < ADDRESSES && model->serial_at[at] == 0) at++;
    CHECK(sp_range_table_next(&model->table, address, &found) == (at < ADDRESSES));
    CHECK(at == ADDRESSES || (found.serial == model->serial_at[at] && found.start <= at && found.end > at));
}

/* ---- Changes ---- */

static bool put(model *model, uintptr_t start, uintptr_t end) {
    uint64_t serial = ++model->last_serial;
    sp_range in = {.start = start, .end = end, .serial = serial, .stack_id = serial};
    if (!sp_range_table_replace(&model->table, start, end, UINT64_MAX, &in)) return false;
    model->held[serial]++;
    for (uintptr_t at = start; at < end; at++) model->serial_at[at] = serial;
    return true;
}

static bool take(model *model, uintptr_t start, uintptr_t end, uint64_t last_serial) {
    if (!sp_range_table_replace(&model->table, start, end, last_serial, NULL)) return false;
    for (uintptr_t at = start; at < end; at++)
        if (model->serial_at[at] <= last_serial) model->serial_at[at] = 0;
    return true;
}

static void change(model *model, uint64_t longest) {
    uintptr_t start = random_below(&model->random, ADDRESSES);
    uintptr_t end = start + 1 + random_below(&model->random, longest);
    if (end > ADDRESSES) end = ADDRESSES;
    uint64_t recent = random_below(&model->random, model->last_serial / 4 + 1);
    switch (random_below(&model->random, 4)) {
    case 0:
    case 1:
        CHECK(put(model, start, end));
        break;
    case 2:
        CHECK(take(model, start, end, UINT64_MAX));
        break;
    default:
        CHECK(take(model, start, end, model->last_serial - recent));
    }
}

TEST(test_random_changes_agree_with_a_model) {
    for (uint64_t seed = 1; seed <= 40; seed++) {
        model *model = create(ADDRESSES, seed);
        for (int i = 0; i < 1000; i++) {
            change(model, UINT64_C(1) << random_below(&model->random, 12));
            check_next(model);
            check(model);
        }
        free(model);
    }
}

TEST(test_many_small_ranges_fill_many_blocks) {
    model *model = create(ADDRESSES, 7);
    for (uintptr_t at = 0; at < ADDRESSES; at++)
        assert_true(put(model, at * 769 % ADDRESSES, at * 769 % ADDRESSES + 1));
    check(model);
    assert_int_equal(atomic_load(&model->table.count), ADDRESSES);
    for (int i = 0; i < 3000; i++) change(model, 4);
    check(model);
    assert_true(take(model, 0, ADDRESSES, UINT64_MAX));
    check(model);
    assert_int_equal(atomic_load(&model->table.count), 0);
}

/* Ranges are removed from either end, next to blocks that are full or nearly empty. */
TEST(test_blocks_are_joined_as_they_empty) {
    model *model = create(ADDRESSES, 7);
    for (uintptr_t at = 0; at < ADDRESSES; at++) assert_true(put(model, at, at + 1));
    for (uintptr_t at = ADDRESSES; at-- > 0;)
        if (at % 64 != 0) assert_true(take(model, at, at + 1, UINT64_MAX));
    check(model);
    uint32_t blocks = (uint32_t)(atomic_load(&model->table.root) >> 1);
    assert_in_range(blocks, 1, 8); /* 32 ranges; without joining there would be 64 blocks */
}

TEST(test_a_range_in_the_middle_is_cut_in_two_that_both_hold_its_stack) {
    model *model = create(ADDRESSES, 7);
    assert_true(put(model, 100, 200));
    assert_true(take(model, 140, 150, UINT64_MAX));
    model->held[1] = 2;
    check(model);
}

TEST(test_a_full_table_refuses_and_changes_nothing) {
    model *model = create(20, 7);
    for (uintptr_t at = 0; at < 20; at++) assert_true(put(model, 3 * at, 3 * at + 3));
    assert_false(put(model, 100, 101));
    assert_false(put(model, 1, 2));
    check(model);
    assert_true(put(model, 0, 3)); /* replaces another */
    assert_true(put(model, 0, 6)); /* replaces two */
    assert_true(put(model, 100, 101));
    check(model);
}

/* A split is allowed even if it exceeds the maximum. If no block is free, changes that only shorten ranges still
 * work. */
TEST(test_what_takes_away_goes_on_where_there_are_no_blocks) {
    model *model = create(32, 7);
    uintptr_t at = 1;
    assert_true(put(model, 0, ADDRESSES));
    while (at < ADDRESSES - 2 && sp_range_table_replace(&model->table, at, at + 1, UINT64_MAX, NULL)) at += 2;
    assert_in_range(at, 64, ADDRESSES - 3);
    for (; at > 0; at--) assert_true(sp_range_table_replace(&model->table, at, ADDRESSES, UINT64_MAX, NULL));
    assert_int_equal(atomic_load(&model->table.count), 1);
    assert_int_equal(atomic_load(&model->table.bytes), 1);
}

TEST(test_without_memory_there_is_no_table) {
    sp_range_table table = {.max = 0};
    sp_options.engine_bytes_max = 4096;
    assert_false(sp_range_table_create(&table, 1 << 16, NULL));
}

/* ---- Fork ---- */

#define ROUNDS 300

typedef struct forks {
    model *model;
    _Atomic bool done;
} forks;

/* Blocks that belong to no range are free again, whatever the other thread was doing. So as many changes fit as
 * before. */
static void check_child(void *argument) {
    forks *forks = argument;
    static sp_range ranges[ADDRESSES];
    model *model = forks->model;
    sp_range_table_repair_after_fork(&model->table);
    size_t count = sp_range_table_copy(&model->table, ranges, ADDRESSES);
    check_order(ranges, count);
    memset(model->serial_at, 0, sizeof model->serial_at);
    memset(model->held, 0, sizeof model->held);
    for (size_t i = 0; i < count; i++) {
        model->held[ranges[i].stack_id]++;
        for (uintptr_t at = ranges[i].start; at < ranges[i].end; at++) model->serial_at[at] = ranges[i].serial;
    }
    check(model);
    uint32_t in_use = (uint32_t)(atomic_load(&model->table.root) >> 1);
    CHECK(model->table.free_count + in_use == model->table.used_blocks);
    model->last_serial = SERIALS - 512;
    for (int i = 0; i < 500; i++) change(model, 64);
    check(model);
}

static void change_or_fork(unsigned index, void *argument) {
    forks *forks = argument;
    if (index == 0) {
        while (!atomic_load(&forks->done)) {
            if (forks->model->last_serial > SERIALS - 600) forks->model->last_serial = 1;
            change(forks->model, 64);
        }
        return;
    }
    for (int i = 0; i < ROUNDS; i++) run_in_child(check_child, forks);
    atomic_store(&forks->done, true);
}

TEST(test_a_child_that_is_forked_at_any_moment_has_the_table_whole) {
    forks forks = {.model = create(ADDRESSES, 7)};
    run_threads(2, change_or_fork, &forks);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_changes_agree_with_a_model),
        cmocka_unit_test(test_many_small_ranges_fill_many_blocks),
        cmocka_unit_test(test_blocks_are_joined_as_they_empty),
        cmocka_unit_test(test_a_range_in_the_middle_is_cut_in_two_that_both_hold_its_stack),
        cmocka_unit_test(test_a_full_table_refuses_and_changes_nothing),
        cmocka_unit_test(test_what_takes_away_goes_on_where_there_are_no_blocks),
        cmocka_unit_test(test_without_memory_there_is_no_table),
        cmocka_unit_test(test_a_child_that_is_forked_at_any_moment_has_the_table_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
