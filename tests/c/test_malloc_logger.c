/* Reports of macOS's malloc, translated: the order of calls as libmalloc makes them, above an allocator whose addresses
 * are only names.
 *
 *   worker ─► model of malloc ─► its variable ─► our logger ─► a logger that was there before
 *                 └─ blocks[]: what is allocated, which live samples are compared with
 */
#include "fake_hook.h"
#include "late_free.h"
#include "malloc_logger.h"
#include "spprof.h"
#include "support.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 8
#define BLOCKS 2048
#define HELD 160
#define ROUNDS 100
#define EVENTS 1250 /* of each thread in each round: 10⁶ in all */
#define A_ZONE 0x7000

/* ---- A model of malloc ---- */

typedef struct block {
    bool allocated;
    bool sampled; /* by a thread outside the engine */
    size_t size;  /* as requested */
} block;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static block blocks[BLOCKS];           /* under lock */
static uintptr_t unused[BLOCKS];       /* under lock: a stack, so that addresses are reused soon */
static size_t unused_count;            /* under lock */
static sp_malloc_logger *the_variable; /* libmalloc's malloc_logger */
static _Atomic uint64_t reports, reports_before_ours, moved_to_another;
static __thread bool outside = true; /* outside the engine: this thread's allocations are sampled */

static void create_malloc(void) {
    unused_count = 0;
    for (uintptr_t n = BLOCKS; n-- > 0;) unused[unused_count++] = n;
}

static uintptr_t address_of(uintptr_t n) {
    return (uintptr_t)at(n);
}

static uintptr_t number_of(uintptr_t address) {
    return (address - address_of(0)) / 16;
}

/* 0: no memory. */
static uintptr_t take(size_t size) {
    uintptr_t address = 0;
    pthread_mutex_lock(&lock);
    if (unused_count > 0) {
        uintptr_t n = unused[--unused_count];
        CHECK(!blocks[n].allocated);
        blocks[n] = (block){.allocated = true, .sampled = outside, .size = size};
        address = address_of(n);
    }
    pthread_mutex_unlock(&lock);
    return address;
}

static void put_back(uintptr_t address) {
    pthread_mutex_lock(&lock);
    CHECK(blocks[number_of(address)].allocated);
    blocks[number_of(address)].allocated = false;
    unused[unused_count++] = number_of(address);
    pthread_mutex_unlock(&lock);
}

static bool is_in_use(const void *address) {
    pthread_mutex_lock(&lock);
    bool in_use = blocks[number_of((uintptr_t)address)].allocated;
    pthread_mutex_unlock(&lock);
    return in_use;
}

static void report(uint32_t type, uintptr_t second, uintptr_t third, uintptr_t result) {
    sp_malloc_logger *logger = __atomic_load_n(&the_variable, __ATOMIC_ACQUIRE);
    if (!logger) return;
    atomic_fetch_add(&reports, 1);
    logger(type | SP_LOG_ZONE, A_ZONE, second, third, result, 0);
}

static uintptr_t model_malloc(size_t size, bool fails) {
    uintptr_t address = fails ? 0 : take(size);
    report(SP_LOG_ALLOCATE, size, 0, address);
    return address;
}

static void model_free(uintptr_t address) {
    report(SP_LOG_FREE, address, 0, 0);
    if (address) put_back(address);
}

static void resize_in_place(uintptr_t address, size_t size) {
    pthread_mutex_lock(&lock);
    blocks[number_of(address)].size = size;
    blocks[number_of(address)].sampled = outside;
    pthread_mutex_unlock(&lock);
}

typedef enum way { FAIL, IN_PLACE, MOVE, MOVE_AND_LINGER } way;

/* Another thread may take the address now, and free or move the block again, before it is reported. */
static void linger(uintptr_t address) {
    for (int i = 0; i < 20 && !is_in_use((void *)address); i++) sched_yield();
    sched_yield();
}

/* Size 0 frees the block and allocates one of 1 byte. */
static uintptr_t move(uintptr_t old, size_t size, bool lingers) {
    uintptr_t result = 0;
    if (size == 0) put_back(old);
    result = take(size);
    if (size != 0 && result != 0) put_back(old);
    if (lingers && result != 0 && result != old) linger(old);
    if (result != 0 && result != old && is_in_use((void *)old)) atomic_fetch_add(&moved_to_another, 1);
    return result;
}

static uintptr_t model_realloc(uintptr_t old, size_t size, way way) {
    uintptr_t result = 0;
    if (!old)
        result = way == FAIL ? 0 : take(size);
    else if (way == IN_PLACE)
        resize_in_place(result = old, size);
    else if (way != FAIL || size == 0)
        result = move(old, size, way == MOVE_AND_LINGER);
    report(SP_LOG_ALLOCATE | SP_LOG_FREE, old, size, result);
    if (!result && size != 0) return old;
    return result;
}

/* ---- A logger that was there before ---- */

static __thread unsigned reports_here;
static __thread bool inside_previous;

/* It allocates, as a logger that takes stacks may do, so malloc reports to it again. */
static void previous_logger(uint32_t type, uintptr_t zone, uintptr_t second, uintptr_t third, uintptr_t result,
                            uint32_t frames_to_skip) {
    (void)second, (void)third, (void)result;
    CHECK((type & SP_LOG_ZONE) && zone == A_ZONE && frames_to_skip == 1);
    atomic_fetch_add(&reports_before_ours, 1);
    if (inside_previous || reports_here++ % 64 != 0) return;
    inside_previous = true;
    uintptr_t own = model_malloc(40, false);
    if (own) model_free(own);
    inside_previous = false;
}

/* ---- Random events ---- */

typedef struct worker {
    uint64_t random;
    uintptr_t held[HELD];
    size_t count;
} worker;

static worker workers[THREADS];
static _Atomic uintptr_t handed_over[16]; /* blocks on their way to another thread */
static __thread worker *self;

static uint64_t below(uint64_t count) {
    return random_below(&self->random, count);
}

static void hold(uintptr_t address) {
    if (!address) return;
    if (self->count == HELD)
        model_free(address);
    else
        self->held[self->count++] = address;
}

static uintptr_t let_go(void) {
    if (self->count == 0) return 0;
    size_t chosen = below(self->count);
    uintptr_t address = self->held[chosen];
    self->held[chosen] = self->held[--self->count];
    return address;
}

static size_t any_size(void) {
    return below(64) == 0 ? 0 : 1 + below(512);
}

static void happen(void) {
    switch (below(10)) {
    case 0:
    case 1:
    case 2:
        hold(model_malloc(1 + below(512), below(16) == 0));
        break;
    case 3:
    case 4:
        model_free(let_go());
        break;
    case 5: {
        uintptr_t mine = let_go();
        hold(atomic_exchange(&handed_over[below(16)], mine));
        break;
    }
    default: {
        uintptr_t old = let_go();
        size_t size = any_size();
        hold(model_realloc(old, size, (way)below(4)));
    }
    }
}

/* Everything that a thread does inside the engine passes unsampled, and what it frees there is forgotten. */
static size_t walker_that_allocates(uint64_t *frames, size_t capacity, bool *depth_limited) {
    (void)frames, (void)capacity, (void)depth_limited;
    if (!self || below(8) != 0) return 0;
    bool was_outside = outside;
    outside = false;
    uintptr_t own = model_malloc(100, false), held = let_go();
    if (own) model_free(model_realloc(own, 200, MOVE));
    if (held) hold(model_realloc(held, 300, below(2) ? MOVE : IN_PLACE));
    outside = was_outside;
    return 0;
}

/* The allocation behind a pause empties the lists, which have room for 64 addresses of all threads. */
static void pause_for_a_while(void) {
    spprof_pause();
    outside = false;
    for (int i = 0; i < 4; i++) happen();
    outside = true;
    spprof_resume();
    model_free(model_malloc(10, false));
}

static void work(unsigned index, void *argument) {
    (void)argument;
    self = &workers[index];
    for (int i = 0; i < EVENTS; i++) {
        happen();
        if (below(50) == 0) pause_for_a_while();
    }
}

/* How many blocks differ between what is listed and what is allocated. */
static unsigned differences(void) {
    static spprof_sample listed[BLOCKS];
    uint64_t size_at[BLOCKS] = {0}; /* one more than the size; 0: not listed */
    unsigned found = 0;
    sp_late_free_settle();
    size_t count = spprof_copy_live(listed, BLOCKS);
    for (size_t i = 0; i < count; i++) size_at[number_of(listed[i].address)] = listed[i].size + 1;
    for (uintptr_t n = 0; n < BLOCKS; n++) {
        bool expected = blocks[n].allocated && blocks[n].sampled;
        found += size_at[n] != (expected ? blocks[n].size + 1 : 0);
    }
    return found;
}

TEST(test_a_million_reports_leave_what_is_allocated) {
    create_malloc();
    the_variable = previous_logger;
    assert_true(sp_malloc_logger_install(&the_variable, is_in_use));
    spprof_set_walker(walker_that_allocates);
    start(0);
    for (unsigned i = 0; i < THREADS; i++) workers[i].random = i + 1;
    for (int round = 0; round < ROUNDS; round++) {
        run_threads(THREADS, work, NULL);
        assert_int_equal(differences(), 0);
    }
    print_message("%llu reports, %llu of them of an address that was in use again\n", (unsigned long long)reports,
                  (unsigned long long)moved_to_another);
    assert_true(moved_to_another > 10000);
    assert_int_equal(reports, reports_before_ours);
    assert_true(sp_malloc_logger_remove(&the_variable));
    assert_true(the_variable == previous_logger);
    assert_int_equal(stats().missed_frees, 0);
    for (int i = 0; i < SPPROF_DROP_REASON_COUNT; i++) assert_int_equal(stats().dropped[i], 0);
}

/* ---- One report after the other ---- */

static sp_malloc_logger *install(sp_is_allocated *is_allocated) {
    the_variable = NULL;
    assert_true(sp_malloc_logger_install(&the_variable, is_allocated));
    return the_variable;
}

static bool in_use(const void *address) {
    (void)address;
    return true;
}

static bool not_in_use(const void *address) {
    (void)address;
    return false;
}

static void log_malloc(uintptr_t n, size_t size) {
    the_variable(SP_LOG_ALLOCATE | SP_LOG_ZONE, A_ZONE, size, 0, address_of(n), 0);
}

static void log_free(uintptr_t n) {
    the_variable(SP_LOG_FREE | SP_LOG_ZONE, A_ZONE, address_of(n), 0, 0, 0);
}

static void log_realloc(uintptr_t old, size_t size, uintptr_t result) {
    the_variable(SP_LOG_ALLOCATE | SP_LOG_FREE | SP_LOG_ZONE, A_ZONE, address_of(old), size, result, 0);
}

TEST(test_without_a_zone_the_arguments_come_one_place_earlier) {
    sp_malloc_logger *logger = install(not_in_use);
    start(0);
    logger(SP_LOG_ALLOCATE, 100, 0, 0, address_of(1), 0);
    logger(SP_LOG_ALLOCATE | 64, 50, 0, 0, address_of(2), 0);
    assert_live(2, 150);
    logger(SP_LOG_ALLOCATE | SP_LOG_FREE, address_of(1), 300, 0, address_of(3), 0);
    assert_live(2, 350);
    logger(SP_LOG_FREE, address_of(2), 0, 0, 0, 0);
    assert_live(1, 300);
}

TEST(test_other_reports_change_nothing) {
    sp_malloc_logger *logger = install(not_in_use);
    start(0);
    log_malloc(1, 100);
    logger(0, A_ZONE, address_of(1), 0, 0, 0);
    logger(16 | SP_LOG_ZONE, A_ZONE, 4096, 0, address_of(2), 0); /* a mapping */
    logger(32 | SP_LOG_ZONE, A_ZONE, address_of(1), 4096, 0, 0); /* its end */
    logger(SP_LOG_FREE | SP_LOG_ZONE, A_ZONE, 0, 0, 0, 0);       /* free(NULL) */
    assert_live(1, 100);
}

TEST(test_a_realloc_of_nothing_is_an_allocation) {
    sp_malloc_logger *logger = install(not_in_use);
    start(0);
    logger(SP_LOG_ALLOCATE | SP_LOG_FREE | SP_LOG_ZONE, A_ZONE, 0, 70, address_of(1), 0);
    assert_live(1, 70);
}

/* A report that comes too late: the second thread already has the address. */
TEST(test_a_late_free_does_not_end_the_sample_of_the_next_block) {
    install(in_use);
    start(0);
    log_malloc(1, 100);
    log_malloc(1, 30); /* another thread: the block of 100 bytes has been moved */
    log_realloc(1, 500, address_of(2));
    assert_live(2, 530);
    log_free(1);
    assert_live(1, 500);
    assert_int_equal(stats().missed_frees, 0);
}

TEST(test_a_late_free_does_not_end_the_sample_behind_an_unsampled_block) {
    install(in_use);
    spprof_pause();
    start(0);
    log_malloc(1, 100);
    spprof_resume();
    log_malloc(1, 30);
    log_realloc(1, 500, address_of(2));
    assert_live(2, 530);
}

TEST(test_an_unsampled_block_ends_the_sample_before_it) {
    install(in_use);
    start(0);
    log_malloc(1, 100);
    spprof_pause();
    log_malloc(1, 30);
    spprof_resume();
    log_realloc(1, 500, address_of(2));
    assert_live(1, 500);
}

TEST(test_a_block_that_moved_is_no_longer_live) {
    install(not_in_use);
    start(0);
    log_malloc(1, 100);
    log_realloc(1, 500, address_of(2));
    assert_live(1, 500);
    assert_int_equal(live_sample(2).size, 500);
}

/* Between the query and the removal, another thread gets the address. */
static bool not_in_use_yet(const void *address) {
    (void)address;
    log_malloc(1, 30);
    return false;
}

TEST(test_what_is_allocated_after_the_question_stays) {
    install(not_in_use_yet);
    start(0);
    log_malloc(1, 100);
    log_realloc(1, 500, address_of(2));
    assert_live(2, 530);
}

static void resumed_malloc(unsigned index, void *argument) {
    (void)index, (void)argument;
    log_malloc(1, 30);
}

/* The same, but the thread that moved the block is inside the engine, so its free waits on a list. */
TEST(test_a_free_on_the_list_does_not_end_a_newer_sample) {
    install(not_in_use);
    start(0);
    log_malloc(1, 100);
    log_malloc(3, 10);
    spprof_pause();
    log_realloc(1, 500, address_of(2));
    log_realloc(3, 10, address_of(4));
    run_threads(1, resumed_malloc, NULL);
    spprof_resume();
    sp_late_free_settle();
    assert_live(1, 30);
}

TEST(test_a_full_list_of_late_frees_is_counted) {
    install(not_in_use);
    start(0);
    for (uintptr_t n = 0; n <= SP_LATE_FREES_MAX; n++) log_malloc(n, 10);
    spprof_pause();
    for (uintptr_t n = 0; n <= SP_LATE_FREES_MAX; n++) log_realloc(n, 10, address_of(100 + n));
    spprof_resume();
    sp_late_free_settle();
    assert_live(1, 10);
    assert_dropped(SPPROF_DROP_PENDING_FREES_FULL, 1);
}

/* A realloc that failed is reported like one that succeeded. */
TEST(test_a_realloc_that_failed_ends_nothing) {
    install(not_in_use);
    start(0);
    log_malloc(1, 100);
    log_realloc(1, 500, 0);
    assert_live(1, 100);
    log_realloc(1, 0, 0); /* freed */
    assert_live(0, 0);
}

TEST(test_a_block_that_grows_in_place_is_decided_again) {
    install(in_use);
    start(0);
    log_malloc(1, 100);
    log_realloc(1, 500, address_of(1));
    assert_live(1, 500);
}

static unsigned refused;

static void note_refusal(void) {
    refused++;
}

TEST(test_a_request_that_failed_is_refused) {
    install(not_in_use);
    spprof_call_when_refused(note_refusal);
    start(0);
    the_variable(SP_LOG_ALLOCATE | SP_LOG_ZONE, A_ZONE, 1 << 20, 0, 0, 0);
    assert_int_equal(refused, 1);
    assert_live(0, 0);
}

/* ---- With pools above ---- */

TEST(test_a_handoff_is_completed_by_the_report) {
    install(not_in_use);
    start(0);
    assert_false(spprof_passes_small(24));
    assert_true(sp_handoff_begin(24));
    log_malloc(1, SP_HANDOFF_MIN);
    assert_true(sp_handoff_end());
    assert_live(1, 24);
}

TEST(test_a_realloc_that_a_pool_counted_is_not_counted_again) {
    install(not_in_use);
    start(0);
    log_malloc(1, 600);
    spprof_thread *thread = &spprof_this_thread;
    thread->countdown = INT64_C(1) << 50;
    sp_already_counted_begin(at(1));
    log_realloc(1, 100, address_of(2));
    assert_int_equal(thread->countdown, INT64_C(1) << 50);
    assert_int_equal(thread->already_counted, 0);
    assert_live(0, 0);
}

TEST(test_nothing_is_decided_while_native_allocations_are_off) {
    install(not_in_use);
    spprof_set_native(false);
    start(0);
    log_malloc(1, 100);
    log_realloc(1, 200, address_of(2));
    assert_live(0, 0);
}

/* ---- The variable ---- */

static unsigned calls_below, calls_above;
static sp_malloc_logger *ours;

static void below_ours(uint32_t type, uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d, uint32_t e) {
    (void)type, (void)a, (void)b, (void)c, (void)d, (void)e;
    calls_below++;
}

static void above_ours(uint32_t type, uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d, uint32_t e) {
    calls_above++;
    ours(type, a, b, c, d, e);
}

TEST(test_the_logger_that_was_there_is_called_and_set_back) {
    the_variable = below_ours;
    assert_true(sp_malloc_logger_install(&the_variable, in_use));
    ours = the_variable;
    assert_true(sp_malloc_logger_install(&the_variable, in_use)); /* again: nothing changes */
    assert_true(the_variable == ours);
    log_malloc(1, 10);
    assert_int_equal(calls_below, 1);
    assert_true(sp_malloc_logger_remove(&the_variable));
    assert_true(the_variable == below_ours);
    assert_true(sp_malloc_logger_remove(&the_variable)); /* again */
    assert_true(the_variable == below_ours);
}

TEST(test_a_logger_on_top_of_ours_stays) {
    the_variable = below_ours;
    assert_true(sp_malloc_logger_install(&the_variable, in_use));
    ours = the_variable;
    the_variable = above_ours;
    assert_false(sp_malloc_logger_remove(&the_variable));
    assert_true(the_variable == above_ours);
    assert_false(sp_malloc_logger_install(&the_variable, in_use)); /* otherwise they would loop forever */
    start(0);
    log_malloc(1, 10);
    assert_int_equal(calls_above, 1);
    assert_int_equal(calls_below, 1);
    assert_live(1, 10);
    the_variable = ours; /* the other logger was removed */
    assert_true(sp_malloc_logger_remove(&the_variable));
    assert_true(the_variable == below_ours);
}

TEST(test_a_variable_that_was_cleared_is_set_again) {
    the_variable = NULL;
    assert_true(sp_malloc_logger_install(&the_variable, in_use));
    the_variable = NULL;
    assert_true(sp_malloc_logger_install(&the_variable, in_use));
    assert_non_null(the_variable);
    the_variable = NULL;
    assert_true(sp_malloc_logger_remove(&the_variable));
    assert_null(the_variable);
    the_variable = below_ours;
    assert_true(sp_malloc_logger_remove(&the_variable)); /* nothing to set back */
    assert_true(sp_malloc_logger_install(&the_variable, in_use));
}

/* ---- While it is needed ---- */

static sp_malloc_logger *want(void) {
    the_variable = NULL;
    sp_malloc_logger_follow(&the_variable, in_use);
    assert_null(the_variable);
    sp_malloc_logger_want();
    assert_non_null(the_variable);
    return the_variable;
}

TEST(test_a_stop_clears_the_variable) {
    the_variable = below_ours;
    sp_malloc_logger_follow(&the_variable, in_use);
    assert_true(the_variable == below_ours);
    for (int session = 0; session < 2; session++) {
        sp_malloc_logger_want();
        assert_true(the_variable != below_ours);
        start(0);
        log_malloc(1, 100);
        log_free(1);
        assert_int_equal(spprof_stop(), SPPROF_OK);
        assert_true(the_variable == below_ours);
    }
    assert_int_equal(stats().total_samples, 2);
}

TEST(test_a_start_without_native_allocations_sets_nothing) {
    the_variable = NULL;
    sp_malloc_logger_follow(&the_variable, in_use);
    start(0);
    allocate(1, 100);
    assert_int_equal(spprof_stop(), SPPROF_OK);
    assert_null(the_variable);
}

/* What is live after a stop is still followed, as on Linux. */
TEST(test_after_a_stop_frees_of_live_samples_are_followed) {
    sp_malloc_logger *logger = want();
    start(0);
    log_malloc(1, 100);
    log_malloc(2, 10);
    assert_int_equal(spprof_stop(), SPPROF_OK);
    assert_true(the_variable == logger);
    log_malloc(3, 1000);
    assert_live(2, 110);
    log_free(1);
    log_realloc(2, 20, address_of(2));
    assert_live(0, 0);
    start(0); /* without native allocations, and nothing is left to follow */
    assert_null(the_variable);
}

TEST(test_shutdown_clears_the_variable) {
    want();
    start(0);
    log_malloc(1, 100);
    spprof_shutdown();
    assert_null(the_variable);
    assert_live(1, 100);
    sp_malloc_logger_want();
    assert_null(the_variable);
}

TEST(test_a_start_that_fails_clears_the_variable) {
    want();
    assert_int_equal(spprof_start(SPPROF_RATE_MAX + 1, NULL), SPPROF_BAD_RATE);
    assert_null(the_variable);
}

TEST(test_a_second_start_changes_nothing) {
    sp_malloc_logger *logger = want();
    start(0);
    assert_int_equal(spprof_start(0, NULL), SPPROF_ALREADY_ACTIVE);
    assert_true(the_variable == logger);
}

TEST(test_a_variable_that_was_cleared_while_active_is_counted) {
    sp_malloc_logger *logger = want();
    start(0);
    sp_malloc_logger_want();
    assert_dropped(SPPROF_DROP_HOOK_DISPLACED, 0);
    the_variable = NULL;
    sp_malloc_logger_want();
    assert_true(the_variable == logger);
    assert_dropped(SPPROF_DROP_HOOK_DISPLACED, 1);
}

TEST(test_a_stop_leaves_a_logger_on_top_of_ours) {
    ours = want();
    start(0);
    the_variable = above_ours;
    assert_int_equal(spprof_stop(), SPPROF_OK);
    assert_true(the_variable == above_ours);
    log_malloc(1, 100); /* passed on to ours, which is not active */
    assert_live(0, 0);
    the_variable = ours; /* the other logger was removed */
    start(0);
    assert_null(the_variable);
}

static size_t walker_that_stops(uint64_t *frames, size_t capacity, bool *depth_limited) {
    (void)frames, (void)capacity, (void)depth_limited;
    assert_int_equal(spprof_stop(), SPPROF_OK);
    return 0;
}

/* A thread has decided on a sample, and inserts it after the stop. */
TEST(test_a_stop_waits_for_samples_on_their_way) {
    sp_malloc_logger *logger = want();
    spprof_set_walker(walker_that_stops);
    start(0);
    log_malloc(1, 100);
    assert_true(the_variable == logger);
    assert_live(1, 100);
    log_free(1);
    assert_live(0, 0);
}

TEST(test_a_forked_child_goes_on) {
    sp_malloc_logger *logger = want();
    start(0);
    log_malloc(1, 100);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        log_malloc(2, 10);
        CHECK(stats().live_samples == 2);
        log_free(1);
        log_free(2);
        CHECK(spprof_stop() == SPPROF_OK && the_variable == NULL);
        sp_malloc_logger_want();
        CHECK(spprof_start(0, NULL) == SPPROF_OK && the_variable == logger);
        log_malloc(3, 1);
        CHECK(stats().live_samples == 1);
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    assert_live(1, 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_million_reports_leave_what_is_allocated),
        cmocka_unit_test(test_without_a_zone_the_arguments_come_one_place_earlier),
        cmocka_unit_test(test_other_reports_change_nothing),
        cmocka_unit_test(test_a_realloc_of_nothing_is_an_allocation),
        cmocka_unit_test(test_a_late_free_does_not_end_the_sample_of_the_next_block),
        cmocka_unit_test(test_a_late_free_does_not_end_the_sample_behind_an_unsampled_block),
        cmocka_unit_test(test_an_unsampled_block_ends_the_sample_before_it),
        cmocka_unit_test(test_a_block_that_moved_is_no_longer_live),
        cmocka_unit_test(test_what_is_allocated_after_the_question_stays),
        cmocka_unit_test(test_a_free_on_the_list_does_not_end_a_newer_sample),
        cmocka_unit_test(test_a_full_list_of_late_frees_is_counted),
        cmocka_unit_test(test_a_realloc_that_failed_ends_nothing),
        cmocka_unit_test(test_a_block_that_grows_in_place_is_decided_again),
        cmocka_unit_test(test_a_request_that_failed_is_refused),
        cmocka_unit_test(test_a_handoff_is_completed_by_the_report),
        cmocka_unit_test(test_a_realloc_that_a_pool_counted_is_not_counted_again),
        cmocka_unit_test(test_nothing_is_decided_while_native_allocations_are_off),
        cmocka_unit_test(test_the_logger_that_was_there_is_called_and_set_back),
        cmocka_unit_test(test_a_logger_on_top_of_ours_stays),
        cmocka_unit_test(test_a_variable_that_was_cleared_is_set_again),
        cmocka_unit_test(test_a_stop_clears_the_variable),
        cmocka_unit_test(test_a_start_without_native_allocations_sets_nothing),
        cmocka_unit_test(test_after_a_stop_frees_of_live_samples_are_followed),
        cmocka_unit_test(test_shutdown_clears_the_variable),
        cmocka_unit_test(test_a_start_that_fails_clears_the_variable),
        cmocka_unit_test(test_a_second_start_changes_nothing),
        cmocka_unit_test(test_a_variable_that_was_cleared_while_active_is_counted),
        cmocka_unit_test(test_a_stop_leaves_a_logger_on_top_of_ours),
        cmocka_unit_test(test_a_stop_waits_for_samples_on_their_way),
        cmocka_unit_test(test_a_forked_child_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
