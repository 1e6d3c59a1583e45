#include "stack_table.h"

#include "memory.h"
#include "options.h"
#include "support.h"

#include <math.h>
#include <string.h>

#define NO_LIMIT (UINT64_C(1) << 40)
#define STACKS 20000
#define DEEPEST SPPROF_STACK_FRAMES_MAX

static sp_stack_table table;

/* Make the n-th stack: it may have any depth, and shares most of its frames with its neighbours. */
static uint32_t make_frames(uint64_t n, uint64_t *frames) {
    uint32_t count = (uint32_t)(n * 31 % 40);
    for (uint32_t i = 0; i < count; i++) frames[i] = 0x400000 + i * 16;
    if (count > 0) frames[count / 2] += n << 20;
    return count;
}

static sp_stack_record *intern(const uint64_t *frames, uint32_t count, bool depth_limited) {
    return sp_stack_table_intern(&table,
                                 &(sp_stack_key){.frames = frames, .count = count, .depth_limited = depth_limited});
}

static void assert_marked(uint64_t frame) {
    assert_ptr_equal(intern(&frame, 1, false), &table.full[0].record);
}

TEST(test_each_different_stack_is_kept_once) {
    static sp_stack_record *known[STACKS];
    uint64_t frames[DEEPEST];
    sp_stack_table_create(&table, NO_LIMIT);
    uint32_t different = 0;
    for (int round = 0; round < 3; round++) {
        for (uint64_t n = 0; n < STACKS; n++) {
            uint32_t count = make_frames(n, frames);
            sp_stack_record *record = intern(frames, count, false);
            assert_int_equal(record->count, count);
            assert_memory_equal(record->frames, frames, count * sizeof *frames);
            assert_ptr_equal(sp_stack_table_get(&table, record->id), record);
            if (round > 0) assert_ptr_equal(record, known[n]);
            if (record->id > different) assert_int_equal(record->id, ++different);
            known[n] = record;
        }
    }
    assert_int_equal(different, STACKS - STACKS / 40 + 1); /* all empty stacks are the same stack */
    assert_int_equal(table.index.count, different);
    assert_null(sp_stack_table_get(&table, different + 1));
}

TEST(test_depth_limited_and_whole_stacks_of_the_same_frames_are_two) {
    uint64_t frames[DEEPEST] = {1, 2, 3};
    sp_stack_table_create(&table, NO_LIMIT);
    sp_stack_record *whole = intern(frames, 3, false), *limited = intern(frames, 3, true);
    assert_ptr_not_equal(whole, limited);
    assert_false(whole->depth_limited);
    assert_true(limited->depth_limited);
    assert_ptr_equal(intern(frames, 3, true), limited);
    assert_ptr_not_equal(intern(frames, 2, false), whole);
}

TEST(test_the_deepest_and_the_empty_stack_are_kept) {
    uint64_t frames[DEEPEST];
    for (uint32_t i = 0; i < DEEPEST; i++) frames[i] = spprof_frame_interpreted(i, i);
    sp_stack_table_create(&table, NO_LIMIT);
    sp_stack_record *deepest = intern(frames, DEEPEST, true), *empty = intern(frames + 1, 0, false);
    assert_memory_equal(deepest->frames, frames, sizeof frames);
    assert_int_equal(empty->count, 0);
    assert_ptr_equal(intern(frames, 0, false), empty);
    frames[DEEPEST - 1]++;
    assert_ptr_not_equal(intern(frames, DEEPEST, true), deepest);
}

TEST(test_a_table_full_of_held_stacks_marks_and_still_finds) {
    sp_stack_table_create(&table, 100);
    for (uint64_t frame = 1; frame <= 100; frame++) intern(&frame, 1, false);
    size_t mapped = sp_memory_mapped();
    for (uint64_t frame = 101; frame <= 100000; frame++) assert_marked(frame);
    assert_int_equal(sp_memory_mapped(), mapped); /* marking leaks no memory */
    for (uint64_t frame = 1; frame <= 100; frame++) assert_int_equal(intern(&frame, 1, false)->id, frame);
}

TEST(test_without_memory_a_stack_is_marked_and_later_there_is_room) {
    sp_stack_table_create(&table, NO_LIMIT);
    sp_options.engine_bytes_max = 0;
    assert_marked(1);
    /* There is memory for the slots, but not for a record. */
    size_t slots = (table.index.max + 1 + table.index.bucket_mask + 1) * 8;
    sp_options.engine_bytes_max = sp_memory_mapped() + slots + sp_memory_page_bytes();
    assert_marked(1);
    sp_options.engine_bytes_max = NO_LIMIT;
    uint64_t frame = 1;
    sp_stack_record *record = intern(&frame, 1, false);
    assert_int_equal(spprof_stack_slot(record->id), 1);
    assert_ptr_equal(sp_stack_table_get(&table, record->id), record);
}

/* ---- Totals of a site ---- */

static void add_sample(sp_stack_record *record, spprof_weight weight) {
    sp_stack_sums_add(&record->sums, &weight);
}

static void free_sample(sp_stack_record *record, spprof_weight weight) {
    sp_stack_sums_free(&record->sums, &weight);
}

static void take_back(sp_stack_record *record, spprof_weight weight) {
    sp_stack_sums_take_back(&record->sums, &weight);
}

static spprof_weight weight_of(double probability, uint64_t bytes, uint64_t objects) {
    return (spprof_weight){.probability = probability, .bytes = bytes, .objects = objects};
}

TEST(test_a_site_sums_what_was_allocated_and_freed) {
    uint64_t frame = 1;
    sp_stack_table_create(&table, NO_LIMIT);
    sp_stack_record *record = intern(&frame, 1, false);
    add_sample(record, weight_of(0.25, 4000 * SPPROF_BYTES_ONE, 4 * SPPROF_OBJECTS_ONE));
    add_sample(record, weight_of(0.5, 3000 * SPPROF_BYTES_ONE, 2 * SPPROF_OBJECTS_ONE));
    add_sample(record, weight_of(1, 1000 * SPPROF_BYTES_ONE, SPPROF_OBJECTS_ONE));
    free_sample(record, weight_of(0.5, 3000 * SPPROF_BYTES_ONE, 2 * SPPROF_OBJECTS_ONE));
    spprof_site site = sp_stack_read_site(record);
    assert_int_equal(site.allocated.samples, 3);
    assert_int_equal(site.live.samples, 2);
    assert_int_equal(site.allocated.bytes, 8000 * SPPROF_BYTES_ONE);
    assert_int_equal(site.allocated.objects, 7 * SPPROF_OBJECTS_ONE);
    assert_int_equal(site.live.bytes, 5000 * SPPROF_BYTES_ONE);
    assert_int_equal(site.live.objects, 5 * SPPROF_OBJECTS_ONE);
    assert_true(site.live.variance == 0.75 * 4000 * 4000);
    assert_true(site.live.skewness == 0.75 * 0.75 * 4000 * 4000 * 4000);
    assert_true(site.allocated.variance == 0.75 * 4000 * 4000 + 0.5 * 3000 * 3000);
    assert_true(site.allocated.skewness == 0.75 * 0.75 * 4000 * 4000 * 4000 + 0.5 * 0.5 * 3000.0 * 3000 * 3000);
}

TEST(test_what_is_taken_back_was_never_there) {
    uint64_t frame = 1;
    sp_stack_table_create(&table, NO_LIMIT);
    sp_stack_record *record = intern(&frame, 1, false);
    add_sample(record, spprof_weigh(100, 1000));
    spprof_site before = sp_stack_read_site(record);
    add_sample(record, spprof_weigh(5000, 1000));
    take_back(record, spprof_weigh(5000, 1000));
    spprof_site after = sp_stack_read_site(record);
    assert_int_equal(after.allocated.samples, before.allocated.samples);
    assert_int_equal(after.allocated.bytes, before.allocated.bytes);
    assert_int_equal(after.allocated.objects, before.allocated.objects);
    assert_true(fabs(after.allocated.variance - before.allocated.variance) <= 1e-9 * before.allocated.variance);
    assert_true(fabs(after.allocated.skewness - before.allocated.skewness) <= 1e-9 * before.allocated.skewness);
    assert_int_equal(after.live.samples, before.live.samples);
}

/* ---- Threads ---- */

#define THREADS 8
#define ADDITIONS 20000

static sp_stack_record *shared;

static void add_to_shared(unsigned thread, void *argument) {
    (void)argument, (void)thread;
    for (int i = 0; i < ADDITIONS; i++) {
        add_sample(shared, weight_of(0.5, 512, 8192));
        free_sample(shared, weight_of(0.5, 512, 8192));
    }
}

TEST(test_eight_threads_lose_nothing_of_a_sites_totals) {
    uint64_t frame = 1;
    sp_stack_table_create(&table, NO_LIMIT);
    shared = intern(&frame, 1, false);
    run_threads(THREADS, add_to_shared, NULL);
    spprof_site site = sp_stack_read_site(shared);
    assert_int_equal(site.allocated.samples, THREADS * ADDITIONS);
    assert_int_equal(site.live.samples, 0);
    assert_true(site.live.variance == 0 && site.live.skewness == 0);
    assert_int_equal(site.allocated.bytes, UINT64_C(512) * THREADS * ADDITIONS);
    assert_int_equal(site.allocated.objects, UINT64_C(8192) * THREADS * ADDITIONS);
    assert_int_equal(site.live.objects, 0);
    assert_true(site.allocated.variance == 0.5 * 2 * 2 * THREADS * ADDITIONS);
    assert_true(site.allocated.skewness == 0.25 * 2 * 2 * 2 * THREADS * ADDITIONS);
}

static void intern_all(unsigned thread, void *argument) {
    (void)argument;
    uint64_t frames[DEEPEST];
    for (uint64_t step = 0; step < STACKS; step++) {
        uint64_t n = (step * 7919 + thread * (STACKS / THREADS)) % STACKS;
        uint32_t count = make_frames(n, frames);
        sp_stack_record *record = intern(frames, count, false);
        CHECK(record->count == count);
        CHECK(memcmp(record->frames, frames, count * sizeof *frames) == 0);
        CHECK(sp_stack_table_get(&table, record->id) == record);
        CHECK(!sp_stack_is_marked(intern(frames, count, false)));
    }
}

TEST(test_eight_threads_that_meet_the_same_stacks_agree) {
    sp_stack_table_create(&table, NO_LIMIT);
    run_threads(THREADS, intern_all, NULL);
    assert_int_equal(table.index.count, table.index.used);
    assert_in_range(table.index.count, STACKS - STACKS / 40 + 1, THREADS * STACKS);
    for (uint32_t id = 1; id <= table.index.used; id++) assert_int_equal(sp_stack_table_get(&table, id)->id, id);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_different_stack_is_kept_once),
        cmocka_unit_test(test_depth_limited_and_whole_stacks_of_the_same_frames_are_two),
        cmocka_unit_test(test_the_deepest_and_the_empty_stack_are_kept),
        cmocka_unit_test(test_a_table_full_of_held_stacks_marks_and_still_finds),
        cmocka_unit_test(test_without_memory_a_stack_is_marked_and_later_there_is_room),
        cmocka_unit_test(test_a_site_sums_what_was_allocated_and_freed),
        cmocka_unit_test(test_what_is_taken_back_was_never_there),
        cmocka_unit_test(test_eight_threads_lose_nothing_of_a_sites_totals),
        cmocka_unit_test(test_eight_threads_that_meet_the_same_stacks_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
