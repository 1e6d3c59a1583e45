/* The heap at its peak, stack by stack: compared with a naive model, with several threads, in forked children, and in a
 * full table.
 */
#include "eviction.h"

#include "fake_hook.h"
#include "leaf_walker.h"
#include "profiler.h"

#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void start_with(const char *stacks_max, uint32_t rate) {
    setenv("SPPROF_STACKS_MAX", stacks_max, 1);
    spprof_set_walker(walk_leaf);
    start(rate);
}

static uint64_t leaf_of(const sp_stack_record *record) {
    for (uint32_t i = 0; i < record->count; i++)
        if (record->frames[i] & SPPROF_FRAME_INTERPRETED) return record->frames[i] >> 32 & 0x7FFFFFFF;
    CHECK(false);
}

static void assert_same(const spprof_sums *one, const spprof_sums *other) {
    assert_int_equal(one->samples, other->samples);
    assert_int_equal(one->size, other->size);
    assert_int_equal(one->bytes, other->bytes);
    assert_int_equal(one->objects, other->objects);
    assert_true(one->variance == other->variance && one->skewness == other->skewness);
}

/* ---- Compared with a naive model ---- */

#define LEAVES 300
#define BLOCKS 24
#define STEPS 100000

static struct {
    spprof_sums live[LEAVES], at_peak[SPPROF_PEAKS][LEAVES];
    uint64_t bytes, peak[SPPROF_PEAKS];
} model;

static struct {
    size_t size;
    uint64_t leaf; /* 0: not sampled */
} blocks[BLOCKS];

static void model_change(uint64_t of, size_t size, int sign) {
    spprof_sums *live = &model.live[of];
    live->samples += (uint64_t)sign, live->size += (uint64_t)sign * size;
    live->bytes += (uint64_t)sign * BYTES(size), live->objects += (uint64_t)sign * OBJECTS(1);
    model.bytes += (uint64_t)sign * BYTES(size);
}

static void model_allocated(size_t i, size_t size) {
    blocks[i].size = size, blocks[i].leaf = leaf;
    model_change(leaf, size, 1);
    for (int window = 0; window < SPPROF_PEAKS; window++) {
        if (model.bytes <= model.peak[window]) continue;
        model.peak[window] = model.bytes;
        memcpy(model.at_peak[window], model.live, sizeof model.live);
    }
}

static void model_freed(size_t i) {
    if (blocks[i].leaf) model_change(blocks[i].leaf, blocks[i].size, -1);
    blocks[i].leaf = 0;
}

static void model_reset(void) {
    model.peak[SPPROF_PEAK_OF_WINDOW] = model.bytes;
    memcpy(model.at_peak[SPPROF_PEAK_OF_WINDOW], model.live, sizeof model.live);
}

/* Check that every stack with a share in a peak has a record, unless it was folded. */
static void assert_model(bool may_fold) {
    static spprof_sums found[SPPROF_PEAKS][LEAVES];
    memset(found, 0, sizeof found);
    uint32_t slot = 0;
    for (sp_stack_record *record; (record = sp_stack_table_next(&sp_the_profiler.stacks, &slot)) != NULL;) {
        spprof_site site = sp_stack_read_site(record);
        uint64_t of = leaf_of(record);
        for (int window = 0; window < SPPROF_PEAKS; window++) {
            if (of < LEAVES) spprof_sums_add(&found[window][of], &site.at_peak[window]);
            if (of >= LEAVES && !may_fold) assert_int_equal(site.at_peak[window].samples, 0);
        }
    }
    for (int window = 0; window < SPPROF_PEAKS; window++)
        for (uint64_t of = 0; of < LEAVES; of++) assert_same(&found[window][of], &model.at_peak[window][of]);
    assert_int_equal(stats().peak_bytes, model.peak[SPPROF_PEAK_OF_PROCESS]);
    assert_int_equal(stats().window_peak_bytes, model.peak[SPPROF_PEAK_OF_WINDOW]);
}

/* The heap alternates between small and large, and grows over time. */
static void step_at_random(uint64_t *random, int step) {
    size_t i = random_below(random, BLOCKS), size = 1 + random_below(random, 200 + (uint64_t)step / 50);
    bool grows = random_below(random, 100) < (step / 500 % 2 ? 70 : 25);
    leaf = 1 + random_below(random, LEAVES - 1);
    if (!spprof_is_active())
        release(i), model_freed(i);
    else if (grows && !blocks[i].leaf)
        allocate(i, size), model_allocated(i, size);
    else if (grows && random_below(random, 2)) {
        reallocate(at(i), size, at(i));
        model_freed(i), model_allocated(i, size);
    } else if (blocks[i].leaf)
        release(i), model_freed(i);
}

TEST(test_sites_at_the_peak_equal_a_naive_model_at_every_step) {
    uint64_t random = 11;
    start_with("128", 0);
    for (int step = 0; step < STEPS; step++) {
        uint64_t dice = random_below(&random, 3000);
        if (dice == 0)
            spprof_reset_peak(), model_reset();
        else if (dice < 4)
            spprof_is_active() ? (void)spprof_stop() : start(0);
        else
            step_at_random(&random, step);
        assert_model(false);
    }
    assert_true(stats().evicted_stacks > 1000);
}

/* ---- A table that the peak would fill ---- */

TEST(test_stacks_of_the_peak_stay_while_there_is_room) {
    start_with("256", 0);
    for (leaf = 1; leaf <= 100; leaf++) allocate(leaf, 10);
    for (uintptr_t n = 1; n <= 100; n++) release(n);
    for (leaf = 1000; leaf < 10000; leaf++) allocate(1, 1), release(1);
    assert_true(stats().evicted_stacks > 8000);
    uint64_t samples = 0;
    uint32_t slot = 0;
    for (sp_stack_record *record; (record = sp_stack_table_next(&sp_the_profiler.stacks, &slot)) != NULL;) {
        spprof_site site = sp_stack_read_site(record);
        if (site.at_peak[0].samples == 0) continue;
        assert_in_range(leaf_of(record), 1, 100);
        samples += site.at_peak[0].samples;
    }
    assert_int_equal(samples, 100);
}

TEST(test_a_peak_that_would_fill_the_table_gives_way_and_keeps_its_sum) {
    start_with("256", 0);
    for (leaf = 1; leaf <= 256; leaf++) allocate(leaf, 10);
    for (uintptr_t n = 1; n <= 256; n++) release(n);
    for (leaf = 1000; leaf < 10000; leaf++) allocate(1, 1), release(1);
    assert_int_equal(stats().unkept_samples, 0);
    assert_true(stats().evicted_stacks > 8000);
    uint64_t bytes = 0;
    uint32_t slot = 0;
    for (sp_stack_record *record; (record = sp_stack_table_next(&sp_the_profiler.stacks, &slot)) != NULL;)
        bytes += sp_stack_read_site(record).at_peak[0].bytes;
    assert_int_equal(bytes, BYTES(2560));
    assert_int_equal(stats().peak_bytes, BYTES(2560));
    for (leaf = 20000; leaf < 20300; leaf++) allocate(leaf, 20); /* a later peak is recorded again */
    for (leaf = 20000; leaf < 20100; leaf++) release(leaf);
    assert_true(stats().peak_bytes == BYTES(6000));
}

/* ---- Threads and forks ---- */

#define THREADS 8
#define OWN 24

static void hammer(unsigned thread, int steps) {
    uint64_t random = thread + 1;
    bool live[OWN] = {false};
    for (int step = 0; step < steps; step++) {
        uintptr_t i = random_below(&random, OWN), place = thread * OWN + i;
        leaf = 1 + random_below(&random, 50);
        if (live[i])
            release(place);
        else
            allocate(place, leaf);
        live[i] = !live[i];
    }
}

/* Blocks of stack n have n bytes, so a torn record is detected. */
static spprof_sums sum_of_peak(int window) {
    spprof_sums sum = {0};
    uint32_t slot = 0;
    for (sp_stack_record *record; (record = sp_stack_table_next(&sp_the_profiler.stacks, &slot)) != NULL;) {
        spprof_site site = sp_stack_read_site(record);
        uint64_t of = leaf_of(record);
        const spprof_sums *each[] = {&site.allocated, &site.live, &site.at_peak[0], &site.at_peak[1]};
        for (int i = 0; i < 4; i++) {
            CHECK(each[i]->size == each[i]->samples * of && each[i]->bytes == BYTES(each[i]->size));
            CHECK(each[i]->objects == OBJECTS(each[i]->samples));
        }
        spprof_sums_add(&sum, &site.at_peak[window]);
    }
    return sum;
}

/* Each thread may have had a sample in flight when the peak was reached. */
static void check_sum(uint64_t of_threads) {
    uint64_t sum = sum_of_peak(0).bytes, peak = stats().peak_bytes, slack = BYTES(50) * of_threads;
    CHECK(sum <= peak + slack && peak <= sum + slack);
}

static void hammer_in_child(void *unused) {
    (void)unused;
    check_sum(THREADS);
    uint64_t inherited = stats().peak_bytes;
    CHECK(inherited == stats().live_bytes);
    leaf = 50;
    for (uintptr_t n = 0; n < 10; n++) allocate(1000 + n, leaf);
    CHECK(stats().peak_bytes == inherited + BYTES(500));
    for (uintptr_t n = 0; n < 10; n++) release(1000 + n);
    check_sum(THREADS);
}

static void hammer_or_fork(unsigned thread, void *unused) {
    (void)unused;
    if (thread < THREADS) hammer(thread, 30000);
    for (int i = 0; thread >= THREADS && i < 50; i++) run_in_child(hammer_in_child, NULL);
}

TEST(test_sites_add_up_to_the_peak_under_threads_and_in_forked_children) {
    start_with("512", 0);
    run_threads(THREADS + 1, hammer_or_fork, NULL);
    check_sum(THREADS);
    spprof_reset_peak();
    assert_int_equal(sum_of_peak(1).bytes, stats().live_bytes);
    assert_int_equal(stats().window_peak_bytes, stats().live_bytes);
}

/* Simulates a change that another thread of the parent had half written. */
TEST(test_half_a_change_is_completed_in_a_child) {
    start_with("512", 0);
    leaf = 7;
    allocate(1, 7);
    sp_stack_sums *sums = &sp_stack_table_get(&sp_the_profiler.stacks, live_sample(1).stack_id)->sums;
    sp_sums_lock *lock = sp_stack_sums_lock(sums);
    sp_lock_acquire(&lock->lock);
    lock->sums = sums;
    lock->allocated = (spprof_sums){.samples = 2, .size = 14, .bytes = BYTES(14), .objects = OBJECTS(2)};
    lock->live = lock->allocated;
    lock->writing = true;
    sums->allocated.samples = 2; /* and nothing else has been written yet */
    sp_stack_sums_repair_after_fork();
    assert_same(&sums->allocated, &lock->allocated);
    assert_same(&sums->live, &lock->live);
    assert_false(lock->writing);
    leaf = 7;
    allocate(2, 7); /* the call must not wait for a lock */
    assert_int_equal(sums->allocated.samples, 3);
}

/* ---- A thread that stops between two stores ---- */

/* Sums that straddle two pages, one of which is not writable: the first store to that page stops the thread. */
static struct {
    char *pages;
    size_t page_size;
    sp_stack_sums *sums;
    pid_t process;
    _Atomic int stopped, resumed;
} border;

static void wait_while(_Atomic int *word, int is) {
    while (atomic_load(word) == is) sched_yield();
}

static void let_write(void) {
    CHECK(mprotect(border.pages, 2 * border.page_size, PROT_READ | PROT_WRITE) == 0);
}

/* In a child, the repair is the writer. */
static void stop_at_the_border(int signal) {
    (void)signal;
    if (getpid() == border.process) {
        atomic_store(&border.stopped, 1);
        wait_while(&border.resumed, 0);
    }
    let_write();
}

static void *add_in_thread(void *unused) {
    (void)unused;
    spprof_weight weight = spprof_weigh(7, 0);
    sp_stack_sums_add(border.sums, &weight);
    atomic_store(&border.stopped, 2);
    return NULL;
}

static spprof_sums blocks_of_7(uint64_t samples) {
    return (spprof_sums){
        .samples = samples, .size = 7 * samples, .bytes = BYTES(7 * samples), .objects = OBJECTS(samples)};
}

static bool is_of_7(const spprof_sums *sums, uint64_t samples) {
    spprof_sums whole = blocks_of_7(samples);
    return memcmp(sums, &whole, sizeof whole) == 0;
}

/* The child's peak begins with the blocks that are live. */
static void check_whole_in_child(void *is_writing) {
    uint64_t samples = *(bool *)is_writing ? 3 : 2;
    sp_stack_sums sums = sp_stack_sums_read(border.sums);
    CHECK(is_of_7(&sums.allocated, samples) && is_of_7(&sums.live, samples));
    CHECK(is_of_7(&sums.at_peak[0], samples) && is_of_7(&sums.at_peak[1], samples));
    spprof_weight weight = spprof_weigh(7, 0);
    sp_stack_sums_free(border.sums, &weight); /* the call must not wait for a lock */
    sums = sp_stack_sums_read(border.sums);
    CHECK(is_of_7(&sums.live, samples - 1) && is_of_7(&sums.at_peak[0], samples));
}

/* `before`: how many bytes of the sums are before the border. Return whether the change was half written. */
static bool stop_and_fork(size_t before, bool lower_is_closed, bool is_new_peak) {
    border.sums = (sp_stack_sums *)(border.pages + border.page_size - before);
    *border.sums = (sp_stack_sums){.allocated = blocks_of_7(2), .live = blocks_of_7(2)};
    for (int window = 0; window < SPPROF_PEAKS; window++)
        border.sums->number[window] = sp_the_peaks[window].number - is_new_peak;
    border.stopped = border.resumed = 0;
    char *closed = border.pages + (lower_is_closed ? 0 : border.page_size);
    assert_int_equal(mprotect(closed, border.page_size, PROT_READ), 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, add_in_thread, NULL), 0);
    wait_while(&border.stopped, 0);
    bool writing = sp_stack_sums_lock(border.sums)->writing;
    bool half = writing && !(is_of_7(&border.sums->allocated, 3) && is_of_7(&border.sums->live, 3)) &&
                !(is_of_7(&border.sums->allocated, 2) && is_of_7(&border.sums->live, 2));
    if (border.stopped == 1) run_in_child(check_whole_in_child, &writing);
    atomic_store(&border.resumed, 1);
    pthread_join(thread, NULL);
    let_write();
    sp_stack_sums sums = sp_stack_sums_read(border.sums);
    assert_true(is_of_7(&sums.allocated, 3) && is_of_7(&sums.live, 3));
    assert_true(!is_new_peak || is_of_7(&sums.at_peak[0], 2));
    return half;
}

TEST(test_no_record_stays_torn_in_a_child_between_whichever_stores_a_thread_was) {
    start_with("512", 0);
    border.page_size = (size_t)sysconf(_SC_PAGESIZE);
    border.process = getpid();
    border.pages = mmap(NULL, 2 * border.page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(border.pages != MAP_FAILED);
    signal(SIGSEGV, stop_at_the_border);
    signal(SIGBUS, stop_at_the_border); /* on macOS */
    int half_written = 0;
    for (size_t before = 8; before < sizeof(sp_stack_sums); before += 8)
        for (int way = 0; way < 4; way++) half_written += stop_and_fork(before, way & 1, way & 2);
    assert_true(half_written >= 4); /* depends on how the compiler orders stores; fewer would prove nothing */
}

/* ---- Estimates ---- */

/* Add up the live samples one by one, from the samples themselves. */
TEST(test_the_peak_carries_the_variance_and_the_third_moment_of_its_samples) {
    start_with("512", 1000);
    leaf = 1;
    for (uintptr_t n = 0; n < 5000; n++) allocate(n, 1 + n % 3000);
    static spprof_sample live[10000];
    size_t count = spprof_copy_live(live, 10000);
    double variance = 0, skewness = 0;
    for (size_t i = 0; i < count; i++) {
        spprof_weight weight = spprof_weigh(live[i].size, live[i].rate);
        double bytes = (double)weight.bytes / SPPROF_BYTES_ONE, unseen = 1 - weight.probability;
        variance += unseen * bytes * bytes, skewness += unseen * unseen * bytes * bytes * bytes;
    }
    for (uintptr_t n = 0; n < 5000; n++) release(n);
    assert_int_equal(stats().live_samples, 0);
    spprof_site site;
    assert_true(spprof_site_get(live[0].stack_id, &site));
    assert_int_equal(site.at_peak[0].samples, count);
    assert_true(__builtin_fabs(site.at_peak[0].variance / variance - 1) < 1e-9);
    assert_true(__builtin_fabs(site.at_peak[0].skewness / skewness - 1) < 1e-9);
    assert_true(site.live.variance == 0 && site.live.skewness == 0);
}

/* Small blocks come and go alongside a large one, which has almost no variance. The rounding errors that they leave
 * must not appear as a variance, or as a third moment from which an interval would be computed. */
TEST(test_a_large_block_that_is_left_has_no_variance) {
    start_with("512", 1000);
    leaf = 1;
    uint64_t random = 5;
    for (uintptr_t n = 0; n < 300; n++) allocate(n, 1 + random_below(&random, 3000));
    allocate(5000, 400000);
    uint32_t id = (uint32_t)live_sample(5000).stack_id;
    spprof_site site;
    for (uintptr_t n = 0; n < 300; n++) {
        release(n);
        spprof_reset_peak();
        assert_true(spprof_site_get(id, &site));
        const spprof_sums *at_peak = &site.at_peak[SPPROF_PEAK_OF_WINDOW];
        assert_true(at_peak->variance >= 0 && at_peak->skewness >= 0);
        assert_true(at_peak->skewness <= at_peak->variance * sqrt(at_peak->variance));
    }
    assert_int_equal(site.at_peak[SPPROF_PEAK_OF_WINDOW].samples, 1);
    assert_true(site.at_peak[SPPROF_PEAK_OF_WINDOW].variance < 1);
    assert_true(site.at_peak[SPPROF_PEAK_OF_WINDOW].skewness < 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sites_at_the_peak_equal_a_naive_model_at_every_step),
        cmocka_unit_test(test_stacks_of_the_peak_stay_while_there_is_room),
        cmocka_unit_test(test_a_peak_that_would_fill_the_table_gives_way_and_keeps_its_sum),
        cmocka_unit_test(test_sites_add_up_to_the_peak_under_threads_and_in_forked_children),
        cmocka_unit_test(test_half_a_change_is_completed_in_a_child),
        cmocka_unit_test(test_no_record_stays_torn_in_a_child_between_whichever_stores_a_thread_was),
        cmocka_unit_test(test_the_peak_carries_the_variance_and_the_third_moment_of_its_samples),
        cmocka_unit_test(test_a_large_block_that_is_left_has_no_variance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
