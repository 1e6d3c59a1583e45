/* The full stack table: which stacks leave, which stay, and what happens to the totals, to ids and to memory. */
#include "eviction.h"

#include "fake_hook.h"
#include "leaf_walker.h"
#include "memory.h"
#include "profiler.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* ---- A separate table ---- */

static sp_stack_table table;

/* Make the n-th stack: depths differ, and each frame encodes n. */
static uint32_t depth_of(uint64_t n) {
    return 1 + (uint32_t)(n * 7 % 40);
}

static sp_stack_record *intern_in(sp_stack_table *in, uint64_t n) {
    uint64_t frames[40];
    for (uint32_t i = 0; i < depth_of(n); i++) frames[i] = n << 8 | i;
    return sp_stack_table_intern(in, &(sp_stack_key){.frames = frames, .count = depth_of(n)});
}

static sp_stack_record *intern(uint64_t n) {
    return intern_in(&table, n);
}

/* Return whether the record is the n-th stack, or false if it is the mark of a full table. */
static bool is_stack(const sp_stack_record *record, uint64_t n) {
    if (sp_stack_is_marked(record)) return false;
    CHECK(record->count == depth_of(n));
    for (uint32_t i = 0; i < record->count; i++) CHECK(record->frames[i] == (n << 8 | i));
    return true;
}

static void pass_through(uint64_t n) {
    sp_stack_release(intern(n));
}

static void add_sample(sp_stack_record *record, spprof_weight weight) {
    sp_stack_sums_add(&record->sums, &weight);
}

static void free_sample(sp_stack_record *record, spprof_weight weight) {
    sp_stack_sums_free(&record->sums, &weight);
}

/* Return the sums over all stacks, including what was live at each peak. */
static spprof_site sum_of(sp_stack_table *of) {
    spprof_site sum = {0};
    uint32_t slot = 0;
    for (sp_stack_record *record; (record = sp_stack_table_next(of, &slot)) != NULL;) {
        spprof_site site = sp_stack_read_site(record);
        spprof_sums_add(&sum.allocated, &site.allocated);
        spprof_sums_add(&sum.live, &site.live);
        for (int window = 0; window < SPPROF_PEAKS; window++)
            spprof_sums_add(&sum.at_peak[window], &site.at_peak[window]);
    }
    return sum;
}

static void assert_sums(const spprof_site *expected) {
    spprof_site sum = sum_of(&table);
    assert_int_equal(sum.allocated.samples, expected->allocated.samples);
    assert_int_equal(sum.live.samples, expected->live.samples);
    assert_int_equal(sum.allocated.bytes, expected->allocated.bytes);
    assert_int_equal(sum.allocated.objects, expected->allocated.objects);
    assert_int_equal(sum.live.bytes, expected->live.bytes);
    assert_int_equal(sum.live.objects, expected->live.objects);
    assert_true(__builtin_fabs(sum.allocated.variance - expected->allocated.variance) <=
                1e-9 * expected->allocated.variance);
    assert_true(__builtin_fabs(sum.allocated.skewness - expected->allocated.skewness) <=
                1e-9 * expected->allocated.skewness);
}

/* ---- Compared with a naive model ---- */

#define MAX 64
#define DIFFERENT 300
#define HELD_MAX 80
#define STEPS 200000
#define IDS (UINT64_C(1) << 20)

static struct {
    sp_stack_record *record;
    uint64_t n, id;
    spprof_weight weight;
} held[HELD_MAX];
static size_t held_count;
static spprof_site expected;

/* Every id that has been seen, and its stack: a hash table of ids with open addressing. */
static struct {
    uint64_t id, n;
} met[IDS];

static void assert_never_another(uint64_t id, uint64_t n) {
    for (uint64_t at = id * UINT64_C(0x9E3779B97F4A7C15) >> 44;; at = (at + 1) % IDS) {
        if (met[at].id == 0) met[at].id = id, met[at].n = n;
        if (met[at].id != id) continue;
        assert_int_equal(met[at].n, n);
        return;
    }
}

static void model_allocate(uint64_t *random) {
    spprof_weight weight = spprof_weigh(1 + random_below(random, 5000), 1000);
    double bytes = (double)weight.bytes / SPPROF_BYTES_ONE, unseen = 1 - weight.probability;
    uint64_t n = random_below(random, DIFFERENT);
    uint32_t before = table.index.count;
    sp_stack_record *record = intern(n);
    if (is_stack(record, n))
        assert_never_another(record->id, n);
    else
        assert_int_equal(before, MAX); /* only a full table marks stacks */
    add_sample(record, weight);
    expected.allocated.samples++, expected.live.samples++;
    expected.allocated.bytes += weight.bytes, expected.allocated.objects += weight.objects;
    expected.live.bytes += weight.bytes, expected.live.objects += weight.objects;
    expected.allocated.variance += unseen * bytes * bytes,
        expected.allocated.skewness += unseen * unseen * bytes * bytes * bytes;
    held[held_count].record = record, held[held_count].n = n;
    held[held_count].id = record->id, held[held_count++].weight = weight;
}

static void model_free(uint64_t *random) {
    size_t i = random_below(random, held_count);
    sp_stack_record *record = held[i].record;
    assert_ptr_equal(sp_stack_table_get(&table, held[i].id), record);
    is_stack(record, held[i].n);
    free_sample(record, held[i].weight);
    sp_stack_release(record);
    expected.live.samples--;
    expected.live.bytes -= held[i].weight.bytes, expected.live.objects -= held[i].weight.objects;
    held[i] = held[--held_count];
}

TEST(test_whatever_is_evicted_held_stacks_stay_and_totals_are_exact) {
    uint64_t random = 5;
    sp_stack_table_create(&table, MAX);
    for (int step = 0; step < STEPS; step++) {
        uint64_t wanted = step / 1000 % 2 ? 8 : HELD_MAX - 10; /* hardly any held stacks, then too many */
        if (held_count < HELD_MAX && (held_count == 0 || random_below(&random, 2 * wanted) >= held_count))
            model_allocate(&random);
        else
            model_free(&random);
        assert_true(table.index.count <= MAX);
        if (step % 997 == 0) assert_sums(&expected);
    }
    assert_sums(&expected);
    assert_true(table.eviction.evicted > 10000);
    assert_true(sp_stack_table_sum_full(&table).allocated.samples > 100);
    while (held_count > 0) model_free(&random);
    assert_sums(&expected);
}

TEST(test_a_stack_met_again_outlives_those_that_are_not) {
    sp_stack_table_create(&table, MAX);
    uint64_t id = 0;
    for (uint64_t n = 1; n < 10000; n++) {
        pass_through(n);
        sp_stack_record *favourite = intern(0);
        if (n == 1) id = favourite->id;
        assert_int_equal(favourite->id, id);
        sp_stack_release(favourite);
    }
    assert_true(table.eviction.evicted > 9000);
}

TEST(test_a_stack_in_flight_stays_whatever_comes) {
    sp_stack_table_create(&table, MAX);
    sp_stack_record *record = intern(0);
    uint64_t id = record->id;
    for (uint64_t n = 1; n < 100 * MAX; n++) pass_through(n);
    assert_ptr_equal(sp_stack_table_get(&table, id), record);
    assert_true(is_stack(record, 0));
    sp_stack_release(record);
    for (uint64_t n = 1; n < 100 * MAX; n++) pass_through(n);
    assert_null(sp_stack_table_get(&table, id)); /* it leaves only now */
}

TEST(test_a_stack_that_comes_back_has_another_id) {
    sp_stack_table_create(&table, MAX);
    uint64_t last = 0;
    for (int round = 0; round < 100; round++) {
        sp_stack_record *record = intern(0);
        assert_true(record->id != last);
        assert_true(last == 0 || !sp_stack_table_get(&table, last));
        last = record->id;
        sp_stack_release(record);
        for (uint64_t n = 1; n < 4 * MAX; n++) pass_through(n);
    }
}

TEST(test_a_table_full_of_held_stacks_has_room_again_once_they_are_not) {
    static sp_stack_record *all[MAX];
    sp_stack_table_create(&table, MAX);
    for (uint64_t n = 0; n < MAX; n++) all[n] = intern(n);
    for (uint64_t n = MAX; n < 10 * MAX; n++) assert_false(is_stack(intern(n), n));
    for (uint64_t n = 0; n < MAX; n++) sp_stack_release(all[n]);
    for (uint64_t n = 10 * MAX; n < 20 * MAX; n++) {
        sp_stack_record *record = intern(n);
        assert_true(is_stack(record, n));
        sp_stack_release(record);
    }
}

TEST(test_labels_and_births_are_part_of_the_key) {
    uint64_t frame = 1;
    sp_stack_table_create(&table, MAX);
    sp_stack_record *none = sp_stack_table_intern(&table, &(sp_stack_key){.frames = &frame, .count = 1});
    sp_stack_record *seven = sp_stack_table_intern(&table, &(sp_stack_key){.frames = &frame, .count = 1, .labels = 7});
    assert_ptr_not_equal(none, seven);
    assert_int_equal(sp_stack_read_site(seven).labels, 7);
    sp_stack_table_repair_after_fork(&table, false);
    sp_stack_record *born = sp_stack_table_intern(&table, &(sp_stack_key){.frames = &frame, .count = 1});
    assert_ptr_not_equal(born, none);
    assert_int_equal(sp_stack_read_site(born).birth, 1);
    assert_int_equal(sp_stack_read_site(none).birth, 0);
}

/* ---- Pausing eviction ---- */

TEST(test_nothing_leaves_while_the_evictor_is_kept_out) {
    sp_stack_table_create(&table, MAX);
    sp_eviction_keep_out(&table);
    sp_eviction_keep_out(&table);
    for (uint64_t n = 0; n < 3 * MAX; n++) pass_through(n);
    sp_eviction_let_in(&table);
    for (uint64_t n = 0; n < MAX; n++) assert_true(is_stack(intern(n), n));
    assert_int_equal(table.eviction.evicted, 0);
    sp_eviction_let_in(&table);
    for (uint64_t n = 0; n < MAX; n++) sp_stack_release(intern(n)), sp_stack_release(intern(n));
    assert_int_equal(table.eviction.evicted, 0); /* without new stacks there is no eviction */
}

TEST(test_a_reader_that_does_not_leave_stops_eviction_before_memory_grows) {
    sp_stack_table_create(&table, 1024);
    for (uint64_t n = 0; n < 4096; n++) pass_through(n);
    uint32_t phase = sp_grace_enter(&table.grace);
    size_t mapped = 0;
    for (uint64_t n = 10000; n < 60000; n++) {
        pass_through(n);
        if (n == 20000) mapped = sp_memory_mapped();
    }
    assert_int_equal(sp_memory_mapped(), mapped);
    assert_in_range(table.eviction.retired_count, 1, 1024 / 8 + 1);
    sp_grace_leave(&table.grace, phase);
    uint64_t before = table.eviction.evicted;
    for (uint64_t n = 60000; n < 70000; n++) pass_through(n);
    assert_true(table.eviction.evicted - before > 9000);
}

TEST(test_memory_is_bounded_over_a_million_new_stacks) {
    sp_stack_table_create(&table, 1024);
    size_t mapped = 0;
    for (uint64_t n = 0; n < 1000000; n++) {
        pass_through(n);
        if (n == 20000) mapped = sp_memory_mapped();
    }
    assert_int_equal(sp_memory_mapped(), mapped);
    assert_true(table.eviction.evicted >= 1000000 - 1024);
    assert_true(table.index.used <= 1024);
}

/* Enter stacks of every depth, so that every size class is used, then go from the deepest to the shallowest. */
TEST(test_records_of_all_sizes_do_not_overlap) {
    static uint64_t frames[SPPROF_STACK_FRAMES_MAX];
    static sp_stack_record *all[SPPROF_STACK_FRAMES_MAX + 1];
    sp_stack_table_create(&table, SPPROF_STACK_FRAMES_MAX + 200);
    for (int round = 0; round < 6; round++) {
        for (uint32_t i = 0; i <= SPPROF_STACK_FRAMES_MAX; i++) {
            uint32_t count = round % 2 ? SPPROF_STACK_FRAMES_MAX - i : i;
            for (uint32_t j = 0; j < count; j++) frames[j] = (uint64_t)round << 32 | (uint64_t)count << 12 | j;
            all[count] = sp_stack_table_intern(&table, &(sp_stack_key){.frames = frames, .count = count});
            assert_int_equal(all[count]->count, count);
        }
        for (uint32_t count = 0; count <= SPPROF_STACK_FRAMES_MAX; count++) {
            for (uint32_t j = 0; j < count; j++)
                assert_true(all[count]->frames[j] == ((uint64_t)round << 32 | (uint64_t)count << 12 | j));
            sp_stack_release(all[count]);
        }
    }
}

/* ---- Threads ---- */

#define THREADS 8
#define OWN 24 /* the maximum number of blocks that a thread holds */

static void start_small(const char *stacks_max) {
    setenv("SPPROF_STACKS_MAX", stacks_max, 1);
    spprof_set_walker(walk_leaf);
    start(0);
}

/* Stack n allocates blocks of n bytes. */
static void hammer(unsigned thread, int steps) {
    uint64_t random = thread + 1;
    bool live[OWN] = {false};
    for (int step = 0; step < steps; step++) {
        uintptr_t i = random_below(&random, OWN), place = thread * OWN + i;
        if (live[i])
            release(place);
        else
            leaf = 1 + random_below(&random, 3000), allocate(place, leaf);
        live[i] = !live[i];
    }
}

/* Return the first interpreted frame. Native frames from the thread's start may come before it. */
static uint64_t interpreted(const uint64_t *frames, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        if (frames[i] & SPPROF_FRAME_INTERPRETED) return frames[i];
    CHECK(false);
}

static _Atomic unsigned finished;

static const spprof_site *site_of(const spprof_site *sites, size_t count, uint64_t id) {
    for (size_t i = 0; i < count; i++)
        if (sites[i].stack_id == id) return &sites[i];
    return NULL;
}

static void check_moment(uint64_t *samples_before) {
    static __thread spprof_sample samples[THREADS * OWN];
    static __thread spprof_site sites[1000];
    static __thread uint64_t frames[8000];
    size_t count, frame_count, live;
    uint64_t ever = 0;
    spprof_keep_stacks();
    CHECK((live = spprof_copy_live(samples, THREADS * OWN)) <= THREADS * OWN);
    CHECK(spprof_copy_stacks(false, sites, 1000, &count, frames, 8000, &frame_count));
    spprof_let_stacks_go();
    for (size_t i = 0; i < live; i++) {
        const spprof_site *site = site_of(sites, count, samples[i].stack_id);
        CHECK(site && site->allocated.samples > 0);
        uint64_t frame = interpreted(frames + site->first_frame, site->frame_count);
        CHECK(frame == spprof_frame_interpreted((uint32_t)samples[i].size, 0) ||
              frame == spprof_frame_interpreted(SPPROF_CODE_STACKS_FULL, 0));
    }
    for (size_t i = 0; i < count; i++) ever += sites[i].allocated.samples;
    CHECK(ever >= *samples_before); /* samples folded during the copy count once */
    *samples_before = ever;
}

static void hammer_or_look(unsigned thread, void *unused) {
    (void)unused;
    uint64_t samples = 0;
    if (thread < THREADS) hammer(thread, 10000);
    if (thread < THREADS) atomic_fetch_add(&finished, 1);
    while (thread >= THREADS && atomic_load(&finished) < THREADS) {
        uint64_t evicted = stats().evicted_stacks;
        check_moment(&samples);
        while (stats().evicted_stacks == evicted && atomic_load(&finished) < THREADS) sched_yield();
    }
}

static void assert_settled(void) {
    spprof_stats now = stats();
    spprof_site sum = sum_of(&sp_the_profiler.stacks);
    assert_int_equal(sum.allocated.samples, now.total_samples);
    assert_int_equal(sum.live.samples, now.live_samples);
    assert_int_equal(sum.live.bytes, now.live_bytes);
    assert_int_equal(sum.live.objects, now.live_objects);
}

TEST(test_snapshots_of_eight_threads_whose_stacks_are_evicted_fit_together) {
    start_small("256");
    run_threads(THREADS + 2, hammer_or_look, NULL);
    assert_settled();
    assert_true(stats().evicted_stacks > 0);
    assert_dropped(SPPROF_DROP_REASON_COUNT, 0);
}

/* More blocks are live than there are stacks, so at times every slot is held. */
TEST(test_eight_threads_in_a_table_that_is_too_small_lose_nothing) {
    start_small("100");
    run_threads(THREADS + 1, hammer_or_look, NULL);
    assert_settled();
    assert_true(stats().unkept_samples > 0);
    assert_dropped(SPPROF_DROP_REASON_COUNT, 0);
}

static uint32_t holders_of_stack(uint64_t id) {
    return sp_stack_table_get(&sp_the_profiler.stacks, id)->holders;
}

TEST(test_a_stack_is_held_once_for_each_sample_that_is_live_or_in_flight) {
    start_small("256");
    leaf = 3;
    allocate(1, 10);
    uint64_t id = live_sample(1).stack_id;
    assert_int_equal(holders_of_stack(id), 1);
    fail_to_allocate(20);
    assert_int_equal(holders_of_stack(id), 1);
    allocate(2, 20);
    assert_int_equal(holders_of_stack(id), 2);
    allocate(2, 30); /* its free was missed */
    assert_int_equal(holders_of_stack(id), 2);
    reallocate(at(2), 40, NULL); /* fails */
    assert_int_equal(holders_of_stack(id), 2);
    reallocate(at(2), 40, at(5));
    assert_int_equal(holders_of_stack(id), 2);
    spprof_ticket ticket;
    assert_false(spprof_passes(50));
    spprof_begin(&ticket, 50);
    assert_int_equal(holders_of_stack(id), 3);
    spprof_end(&ticket, at(6));
    assert_int_equal(holders_of_stack(id), 3);
    release(1);
    release(5);
    release(6);
    assert_int_equal(holders_of_stack(id), 0);
    assert_live(0, 0);
}

/* ---- Signals ---- */

static _Atomic uint32_t handled;
static _Atomic bool main_ended;

/* Like a tick of the CPU profiler, this handler interns a stack wherever it arrives, even in the table's own code. */
static void intern_in_handler(int number) {
    (void)number;
    uint32_t n = atomic_fetch_add(&handled, 1);
    sp_stack_record *record = intern(1000000 + n);
    is_stack(record, 1000000 + n);
    sp_stack_release(record);
}

static void intern_until_interrupted(unsigned thread, void *unused) {
    static _Atomic(pthread_t) target;
    (void)unused;
    if (thread == 0) {
        atomic_store(&target, pthread_self());
        for (uint64_t n = 0; atomic_load(&handled) < 3000; n++) {
            sp_stack_record *record = intern(n % 1000);
            is_stack(record, n % 1000);
            sp_stack_release(record);
        }
        atomic_store(&main_ended, true);
        while (atomic_load(&target)) sched_yield();
        return;
    }
    while (!atomic_load(&target)) sched_yield();
    while (!atomic_load(&main_ended)) {
        uint32_t before = atomic_load(&handled);
        pthread_kill(atomic_load(&target), SIGUSR1);
        while (atomic_load(&handled) == before && !atomic_load(&main_ended)) sched_yield();
    }
    atomic_store(&target, 0);
}

TEST(test_handlers_may_intern_where_they_interrupt_interning) {
    sp_stack_table_create(&table, MAX);
    struct sigaction action = {.sa_handler = intern_in_handler};
    sigaction(SIGUSR1, &action, NULL);
    run_threads(2, intern_until_interrupted, NULL);
    assert_true(table.eviction.evicted > 1000);
    assert_true(table.index.count <= MAX);
}

/* ---- Fork ---- */

static void churn_in_child(void *unused) {
    (void)unused;
    sp_stack_table *stacks = &sp_the_profiler.stacks;
    uint64_t evicted = stacks->eviction.evicted, before = stats().total_samples;
    spprof_site sum = sum_of(stacks);
    for (leaf = 10000; leaf < 14000; leaf++) {
        allocate(THREADS * OWN + 1, leaf);
        spprof_sample sample = live_sample(THREADS * OWN + 1);
        sp_stack_record *record = sp_stack_table_get(stacks, sample.stack_id);
        CHECK(record && (sp_stack_is_marked(record) ||
                         interpreted(record->frames, record->count) == spprof_frame_interpreted((uint32_t)leaf, 0)));
        release(THREADS * OWN + 1);
    }
    spprof_site after = sum_of(stacks);
    CHECK(stats().total_samples - before == 4000);
    CHECK(after.allocated.samples - sum.allocated.samples == 4000 && after.live.samples == sum.live.samples);
    CHECK(after.allocated.objects - sum.allocated.objects == OBJECTS(4000));
    CHECK(stacks->eviction.evicted - evicted > 3000);
}

static void hammer_or_fork(unsigned thread, void *unused) {
    (void)unused;
    if (thread < 4) hammer(thread, 20000);
    for (int i = 0; thread >= 4 && i < 20; i++) run_in_child(churn_in_child, NULL);
}

TEST(test_children_forked_while_others_evict_go_on_evicting) {
    start_small("256");
    run_threads(5, hammer_or_fork, NULL);
    assert_settled();
}

/* Simulates changes that another thread of the parent had half finished, step by step. */

static sp_stack_record *leaving;

static void begin_leaving(bool folding) {
    sp_stack_table_create(&table, MAX);
    for (uint64_t n = 0; n < 10; n++) {
        sp_stack_record *record = intern(n);
        add_sample(record, spprof_weigh(100, 0));
        free_sample(record, spprof_weigh(100, 0));
        if (n == 5) leaving = record;
        sp_stack_release(record);
    }
    table.eviction.state = SP_EVICTING | 3; /* snapshots are in progress as well */
    table.eviction.leaving = leaving;
    leaving->holders = SP_STACK_LEAVING;
    if (!folding) return;
    table.eviction.folded_after = sp_stack_sums_read(&table.folded.record.sums);
    spprof_sums_add(&table.eviction.folded_after.allocated, &leaving->sums.allocated);
    table.eviction.folding = true;
}

static void assert_repaired(uint32_t count) {
    sp_stack_table_repair_after_fork(&table, false);
    spprof_site sum = sum_of(&table);
    assert_int_equal(sum.allocated.samples, 10);
    assert_int_equal(sum.allocated.bytes, BYTES(1000));
    assert_int_equal(sum.live.bytes, 0);
    assert_int_equal(table.index.count, count);
    for (uint64_t n = 100; n < 100 + 10 * MAX; n++) pass_through(n);
    assert_true(table.eviction.evicted > MAX);
    assert_int_equal(sum_of(&table).allocated.samples, 10);
}

TEST(test_a_claimed_record_stays_in_a_child) {
    begin_leaving(false);
    uint64_t id = leaving->id;
    sp_stack_table_repair_after_fork(&table, false);
    assert_ptr_equal(sp_stack_table_get(&table, id), leaving);
    assert_int_equal(leaving->holders, 0);
    begin_leaving(false);
}

TEST(test_a_claimed_record_leaves_a_child_later) {
    begin_leaving(false);
    assert_repaired(10);
}

TEST(test_half_a_fold_is_completed_in_a_child) {
    begin_leaving(true);
    table.folded.record.sums.allocated.samples = 1; /* and nothing else has been written yet */
    assert_repaired(9);
}

TEST(test_a_fold_without_removal_is_completed_in_a_child) {
    begin_leaving(true);
    table.folded.record.sums = table.eviction.folded_after;
    assert_repaired(9);
}

TEST(test_a_whole_eviction_is_not_done_twice_in_a_child) {
    begin_leaving(true);
    table.folded.record.sums = table.eviction.folded_after;
    sp_stack_index_remove(&table.index, leaving);
    assert_repaired(9);
}

TEST(test_a_childs_samples_are_born_in_it) {
    start_small("100");
    leaf = 1;
    allocate(1, 1);
    assert_int_equal(spprof_birth_process(0).id, sp_the_profiler.birth_processes[0].id);
    sp_stack_table_repair_after_fork(&sp_the_profiler.stacks, false);
    allocate(2, 1);
    spprof_site inherited, own;
    assert_true(spprof_site_get(live_sample(1).stack_id, &inherited));
    assert_true(spprof_site_get(live_sample(2).stack_id, &own));
    assert_int_equal(inherited.birth, 0);
    assert_int_equal(own.birth, 1);
    assert_int_equal(own.allocated.samples, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whatever_is_evicted_held_stacks_stay_and_totals_are_exact),
        cmocka_unit_test(test_a_stack_met_again_outlives_those_that_are_not),
        cmocka_unit_test(test_a_stack_in_flight_stays_whatever_comes),
        cmocka_unit_test(test_a_stack_that_comes_back_has_another_id),
        cmocka_unit_test(test_a_table_full_of_held_stacks_has_room_again_once_they_are_not),
        cmocka_unit_test(test_labels_and_births_are_part_of_the_key),
        cmocka_unit_test(test_nothing_leaves_while_the_evictor_is_kept_out),
        cmocka_unit_test(test_a_reader_that_does_not_leave_stops_eviction_before_memory_grows),
        cmocka_unit_test(test_memory_is_bounded_over_a_million_new_stacks),
        cmocka_unit_test(test_records_of_all_sizes_do_not_overlap),
        cmocka_unit_test(test_snapshots_of_eight_threads_whose_stacks_are_evicted_fit_together),
        cmocka_unit_test(test_eight_threads_in_a_table_that_is_too_small_lose_nothing),
        cmocka_unit_test(test_a_stack_is_held_once_for_each_sample_that_is_live_or_in_flight),
        cmocka_unit_test(test_handlers_may_intern_where_they_interrupt_interning),
        cmocka_unit_test(test_children_forked_while_others_evict_go_on_evicting),
        cmocka_unit_test(test_a_claimed_record_stays_in_a_child),
        cmocka_unit_test(test_a_claimed_record_leaves_a_child_later),
        cmocka_unit_test(test_half_a_fold_is_completed_in_a_child),
        cmocka_unit_test(test_a_fold_without_removal_is_completed_in_a_child),
        cmocka_unit_test(test_a_whole_eviction_is_not_done_twice_in_a_child),
        cmocka_unit_test(test_a_childs_samples_are_born_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
