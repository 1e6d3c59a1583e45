/* The current stacks of all threads: which threads answer and which cannot. No thread may be harmed. */
#include "clock.h"
#include "cpu.h"
#include "signal_stacks.h"
#include "spprof.h"
#include "support.h"
#include "testing.h"
#include "thread.h"
#include "thread_questions.h"
#include "tick.h"
#include "unwind.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define MINUTE UINT64_C(60000000000) /* never reached, unless a thread does not answer */

/* ---- Other threads ---- */

typedef struct other other;
typedef void other_work(other *self);
struct other {
    other_work *work;
    pthread_t thread;
    int end[2]; /* a pipe: the thread ends when it reads a byte from it */
    _Atomic uint32_t thread_id;
    _Atomic uint32_t ready; /* how many times it has begun the work that the test examines */
    _Atomic bool ends;
};

static void *run(void *argument) {
    other *self = argument;
    atomic_store(&self->thread_id, sp_thread_kernel_id());
    self->work(self);
    return NULL;
}

static __attribute__((noinline)) void wait_for_end(other *self) {
    char byte;
    atomic_fetch_add(&self->ready, 1);
    CHECK(read(self->end[0], &byte, 1) == 1);
}

static void begin_with_stack(other *self, other_work *work, size_t stack_bytes) {
    pthread_attr_t attributes;
    *self = (other){.work = work};
    CHECK(pipe(self->end) == 0);
    CHECK(pthread_attr_init(&attributes) == 0);
    if (stack_bytes > 0) CHECK(pthread_attr_setstacksize(&attributes, stack_bytes) == 0);
    CHECK(pthread_create(&self->thread, &attributes, run, self) == 0);
    while (atomic_load(&self->ready) == 0) sp_thread_pause();
}

static void begin(other *self, other_work *work) {
    begin_with_stack(self, work, 0);
}

static void end(other *self) {
    atomic_store(&self->ends, true);
    CHECK(write(self->end[1], "", 1) == 1);
    CHECK(pthread_join(self->thread, NULL) == 0);
    close(self->end[0]);
    close(self->end[1]);
}

static __attribute__((noinline)) void compute(other *self) {
    atomic_fetch_add(&self->ready, 1);
    while (!atomic_load(&self->ends)) continue;
}

/* ---- Taking stacks ---- */

static void prepare(void) {
    assert_int_equal(spprof_thread_stacks_prepare(), SPPROF_THREAD_STACKS_OK);
}

/* Take the stacks; the caller gives them back. */
static size_t take(uint64_t within_ns) {
    size_t count, left_out;
    CHECK(spprof_thread_stacks_take(within_ns, &count, &left_out) == SPPROF_THREAD_STACKS_OK);
    CHECK(left_out == 0);
    return count;
}

static spprof_thread_stack found_among(size_t count, uint32_t thread_id) {
    spprof_thread_stack found = {0};
    for (size_t i = 0; i < count && found.thread_id != thread_id; i++) spprof_thread_stacks_get(i, &found);
    CHECK(found.thread_id == thread_id);
    return found;
}

static spprof_thread_absence absence_within(const other *thread, uint64_t within_ns) {
    spprof_thread_stack found = found_among(take(within_ns), atomic_load(&thread->thread_id));
    CHECK((found.absence == SPPROF_THREAD_PRESENT) == (found.stack.count > 0));
    spprof_thread_stacks_give_back();
    return found.absence;
}

static spprof_thread_absence absence_of(const other *thread) {
    return absence_within(thread, MINUTE);
}

static bool goes_through(const spprof_stack *stack, uintptr_t function) {
    uintptr_t first, behind;
    bool found = false;
    CHECK(sp_unwind_find_function(function + 1, &first, &behind));
    for (uint32_t i = 0; i < stack->count; i++) found |= stack->frames[i] > first && stack->frames[i] <= behind;
    return found;
}

/* ---- Threads that answer ---- */

TEST(test_nobody_is_asked_before_the_preparation) {
    size_t count = 1, left_out = 1;
    assert_int_equal(spprof_thread_stacks_take(MINUTE, &count, &left_out), SPPROF_THREAD_STACKS_UNPREPARED);
    assert_int_equal(count + left_out, 0);
}

TEST(test_threads_that_compute_and_that_sleep_show_where) {
    other computing, sleeping;
    prepare();
    begin(&computing, compute);
    begin(&sleeping, wait_for_end);
    for (int i = 0; i < 100; i++) {
        size_t count = take(MINUTE);
        spprof_thread_stack one = found_among(count, computing.thread_id),
                            other = found_among(count, sleeping.thread_id);
        assert_int_equal(count, 2);
        assert_int_equal(one.absence, SPPROF_THREAD_PRESENT);
        assert_true(goes_through(&one.stack, (uintptr_t)compute));
        assert_true(goes_through(&one.stack, (uintptr_t)run));
        assert_int_equal(one.state, 'R');
        assert_true(goes_through(&other.stack, (uintptr_t)wait_for_end));
        assert_false(goes_through(&other.stack, (uintptr_t)compute));
        spprof_thread_stacks_give_back();
    }
    assert_false(spprof_cpu_is_active());
    end(&computing);
    end(&sleeping);
}

static void take_name(other *self) {
    prctl(PR_SET_NAME, "a) name (S");
    wait_for_end(self);
}

TEST(test_a_thread_is_told_by_its_name_and_state) {
    other named;
    prepare();
    begin(&named, take_name);
    spprof_thread_stack found;
    do { /* until the thread is sleeping */
        found = found_among(take(MINUTE), named.thread_id);
        spprof_thread_stacks_give_back();
    } while (found.state != 'S');
    assert_string_equal(found.name, "a) name (S");
    end(&named);
}

TEST(test_the_thread_that_asks_is_left_out) {
    prepare();
    assert_int_equal(take(MINUTE), 0);
    spprof_thread_stacks_give_back();
}

#define MANY 200

TEST(test_many_threads_answer) {
    static other many[MANY];
    prepare();
    for (int i = 0; i < MANY; i++) begin(&many[i], wait_for_end);
    for (int round = 0; round < 5; round++) {
        size_t count = take(MINUTE);
        assert_int_equal(count, MANY);
        for (int i = 0; i < MANY; i++) {
            spprof_thread_stack found = found_among(count, many[i].thread_id);
            assert_true(goes_through(&found.stack, (uintptr_t)wait_for_end));
        }
        spprof_thread_stacks_give_back();
    }
    for (int i = 0; i < MANY; i++) end(&many[i]);
}

TEST(test_threads_beyond_the_table_are_counted) {
    other three[3];
    size_t count, left_out;
    setenv("SPPROF_CPU_THREADS_MAX", "2", 1);
    prepare();
    for (int i = 0; i < 3; i++) begin(&three[i], wait_for_end);
    assert_int_equal(spprof_thread_stacks_take(MINUTE, &count, &left_out), SPPROF_THREAD_STACKS_OK);
    assert_int_equal(count, 2);
    assert_int_equal(left_out, 1);
    spprof_thread_stacks_give_back();
    for (int i = 0; i < 3; i++) end(&three[i]);
}

/* ---- Threads that cannot answer ---- */

static void block_all(other *self) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    wait_for_end(self);
    sigset_t waiting;
    sigpending(&waiting);
    CHECK(!sigismember(&waiting, sp_tick_signal())); /* no signal was sent */
}

TEST(test_a_thread_that_blocks_the_signal_is_sent_none) {
    other blocking;
    prepare();
    begin(&blocking, block_all);
    for (int i = 0; i < 10; i++) assert_int_equal(absence_of(&blocking), SPPROF_THREAD_BLOCKED);
    end(&blocking);
}

static int set_by_kernel(const void *new_stack, void *old_stack) {
    return sigaltstack(new_stack, old_stack);
}

/* The stack is larger than the kernel's minimum, but smaller than a tick needs. */
static void take_small_signal_stack(other *self) {
    static char room[1 << 16];
    stack_t small = {.ss_sp = room, .ss_size = sp_tick_stack_bytes() - 1}, none = {.ss_flags = SS_DISABLE};
    CHECK(sp_signal_stacks_set(&small, NULL, set_by_kernel) == 0);
    wait_for_end(self);
    CHECK(sp_signal_stacks_set(&none, NULL, set_by_kernel) == 0);
    wait_for_end(self);
}

TEST(test_a_thread_with_a_small_signal_stack_is_sent_nothing_till_it_has_another) {
    other small;
    prepare();
    begin(&small, take_small_signal_stack);
    for (int i = 0; i < 10; i++) assert_int_equal(absence_of(&small), SPPROF_THREAD_SMALL_SIGNAL_STACK);
    assert_int_equal(sp_thread_questions_answers(), 0); /* no handler has run */
    assert_int_equal(write(small.end[1], "", 1), 1);
    while (atomic_load(&small.ready) < 2) sp_thread_pause();
    assert_int_equal(absence_of(&small), SPPROF_THREAD_PRESENT);
    end(&small);
}

/* Until its child has ended, the thread sleeps where no signal wakes it. */
static void wait_for_child(other *self) {
    char byte;
    atomic_fetch_add(&self->ready, 1);
    pid_t child = vfork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* so that a failing test leaves no process behind */
        while (read(self->end[0], &byte, 1) != 1) continue;
        _exit(0);
    }
    CHECK(child > 0);
    CHECK(waitpid(child, NULL, 0) == child);
    wait_for_end(self);
}

static void *end_child_after_a_while(void *self) {
    for (int i = 0; i < 50; i++) sp_thread_pause();
    CHECK(write(((other *)self)->end[1], "", 1) == 1);
    return NULL;
}

TEST(test_a_thread_that_no_signal_interrupts_answers_when_it_can) {
    other waiting;
    pthread_t ending;
    prepare();
    begin(&waiting, wait_for_child);
    while (absence_within(&waiting, 1) != SPPROF_THREAD_UNINTERRUPTIBLE) sp_thread_pause();
    assert_int_equal(absence_within(&waiting, 20000000), SPPROF_THREAD_UNINTERRUPTIBLE);
    assert_int_equal(pthread_create(&ending, NULL, end_child_after_a_while, &waiting), 0);
    assert_int_equal(absence_of(&waiting), SPPROF_THREAD_PRESENT);
    assert_int_equal(pthread_join(ending, NULL), 0);
    end(&waiting);
}

static _Atomic bool may_change, has_changed;

static int note_change(const void *new_stack, void *old_stack) {
    atomic_store(&has_changed, true);
    return sigaltstack(new_stack, old_stack);
}

static void change_signal_stack(other *self) {
    static char room[1 << 16];
    stack_t small = {.ss_sp = room, .ss_size = sp_tick_stack_bytes() - 1}, before;
    atomic_fetch_add(&self->ready, 1);
    while (!atomic_load(&may_change)) sp_thread_pause();
    CHECK(sp_signal_stacks_set(&small, &before, note_change) == 0);
    wait_for_end(self);
    CHECK(sigaltstack(&before, NULL) == 0); /* the sanitizer's stack, which it removes when the thread ends */
}

/* A signal sent just before the change would arrive on the small stack and end the process. */
TEST(test_a_signal_stack_becomes_small_when_no_signal_is_being_sent_any_more) {
    other changing;
    sp_stack_record *none;
    prepare();
    begin(&changing, change_signal_stack);
    sp_thread_questions_begin();
    sp_thread_questions_ask(0, changing.thread_id);
    atomic_store(&may_change, true);
    while (!sp_signal_stacks_is_small(changing.thread_id)) sp_thread_pause();
    for (int i = 0; i < 50; i++) sp_thread_pause(); /* enough time for a wrong implementation to fail */
    assert_false(atomic_load(&has_changed));
    sp_thread_questions_sent();
    while (!atomic_load(&has_changed)) sp_thread_pause();
    assert_int_equal(sp_thread_questions_settle(0, &none), SP_ANSWER_ASKED);
    end(&changing);
}

static void stay_in_engine(other *self) {
    spprof_pause();
    wait_for_end(self);
    spprof_resume();
}

TEST(test_a_thread_inside_the_engine_is_told_as_such) {
    other inside;
    prepare();
    begin(&inside, stay_in_engine);
    assert_int_equal(absence_of(&inside), SPPROF_THREAD_IN_ENGINE);
    end(&inside);
}

static _Atomic int torn_walks;

static size_t walk_torn(const spprof_interrupted *at, uint64_t *words, size_t capacity, bool *depth_limited) {
    (void)at, (void)words, (void)capacity, (void)depth_limited;
    return atomic_fetch_sub(&torn_walks, 1) > 0 ? SPPROF_WALK_TORN : 0;
}

TEST(test_a_thread_whose_frames_are_being_changed_is_asked_again) {
    other changing;
    spprof_set_tick_walker(walk_torn);
    prepare();
    begin(&changing, compute);
    atomic_store(&torn_walks, 3);
    assert_int_equal(absence_of(&changing), SPPROF_THREAD_PRESENT);
    assert_int_equal(atomic_load(&torn_walks), -1);
    atomic_store(&torn_walks, 1000000);
    assert_int_equal(absence_of(&changing), SPPROF_THREAD_TORN);
    assert_true(atomic_load(&torn_walks) > 1000000 - 100);
    end(&changing);
}

static void handle_nothing(int number) {
    (void)number;
    CHECK(false);
}

TEST(test_a_handler_of_the_programs_own_is_not_called) {
    other waiting;
    prepare();
    begin(&waiting, wait_for_end);
    signal(sp_tick_signal(), handle_nothing);
    assert_int_equal(absence_of(&waiting), SPPROF_THREAD_DISPLACED);
    end(&waiting);
}

/* ---- Late answers ---- */

TEST(test_who_does_not_wait_is_told_that_nobody_has_answered_and_later_all_is_right) {
    other computing;
    prepare();
    begin(&computing, compute);
    for (int i = 0; i < 10000; i++) {
        spprof_thread_absence absence = absence_within(&computing, 1);
        bool in_handler = absence == SPPROF_THREAD_BLOCKED; /* it is still answering the earlier request */
        assert_true(absence == SPPROF_THREAD_LATE || absence == SPPROF_THREAD_PRESENT || in_handler);
    }
    assert_int_equal(absence_of(&computing), SPPROF_THREAD_PRESENT);
    end(&computing);
}

static void block_ticks(int how) {
    sigset_t ticks;
    sigemptyset(&ticks);
    sigaddset(&ticks, sp_tick_signal());
    pthread_sigmask(how, &ticks, NULL);
}

TEST(test_a_signal_that_comes_when_nobody_waits_any_more_answers_nothing) {
    sp_stack_record *record;
    uint32_t self = sp_thread_kernel_id();
    prepare();
    sp_thread_questions_begin();
    block_ticks(SIG_BLOCK);
    uint64_t first = sp_thread_questions_ask(0, self);
    assert_true(sp_tick_send(self, first));
    sp_thread_questions_sent();
    assert_int_equal(sp_thread_questions_settle(0, &record), SP_ANSWER_ASKED);
    sp_thread_questions_begin();
    sp_thread_questions_ask(0, self);
    sp_thread_questions_sent();
    block_ticks(SIG_UNBLOCK); /* now the signal arrives, with the first cookie */
    assert_int_equal(sp_thread_questions_answers(), 0);
    assert_true(sp_thread_questions_is_open(0));
    sp_thread_questions_settle(0, &record);
}

TEST(test_a_question_is_taken_by_its_thread_alone_and_once) {
    sp_stack_record *record;
    prepare();
    sp_thread_questions_begin();
    uint32_t others = (uint32_t)sp_thread_questions_ask(0, sp_thread_kernel_id() + 1);
    assert_false(sp_thread_questions_take(others));
    uint32_t own = (uint32_t)sp_thread_questions_ask(1, sp_thread_kernel_id());
    sp_thread_questions_sent();
    assert_false(sp_thread_questions_take(own + 1));
    assert_false(sp_thread_questions_take(own + (1 << 16)));
    assert_true(sp_thread_questions_take(own));
    assert_false(sp_thread_questions_take(own));
    assert_int_equal(sp_thread_questions_settle(1, &record), SP_ANSWER_AT_WORK);
    assert_int_equal(sp_thread_questions_settle(0, &record), SP_ANSWER_ASKED);
}

static uint32_t holders_of(other *thread) {
    found_among(take(MINUTE), thread->thread_id);
    uint32_t holders = atomic_load(&sp_thread_questions_at(0)->record->holders);
    spprof_thread_stacks_give_back();
    return holders;
}

TEST(test_stacks_are_held_until_they_are_given_back_and_late_ones_not_at_all) {
    other sleeping;
    prepare();
    begin(&sleeping, wait_for_end);
    while (holders_of(&sleeping) != 1) sp_thread_pause();
    take(MINUTE);
    sp_stack_record *record = sp_thread_questions_at(0)->record;
    spprof_thread_stacks_give_back();
    assert_int_equal(atomic_load(&record->holders), 0);
    sp_thread_questions_begin();
    uint32_t cookie = (uint32_t)sp_thread_questions_ask(0, sp_thread_kernel_id());
    sp_thread_questions_sent();
    sp_stack_record *none;
    assert_true(sp_thread_questions_take(cookie));
    assert_int_equal(sp_thread_questions_settle(0, &none), SP_ANSWER_AT_WORK);
    assert_true(sp_stack_hold(record));
    sp_thread_questions_answer(cookie, SP_ANSWER_STACK, record);
    assert_int_equal(atomic_load(&record->holders), 0);
    assert_int_equal(sp_thread_questions_settle(0, &none), SP_ANSWER_NONE);
    end(&sleeping);
}

TEST(test_a_cookie_that_nobody_has_made_does_nothing) {
    prepare();
    for (uint64_t number = 0; number < 100000; number += 997)
        assert_true(sp_tick_send(sp_thread_kernel_id(), (uint64_t)SP_QUESTIONS_SESSION << 32 | number));
    assert_int_equal(sp_thread_questions_answers(), 0);
}

/* ---- The asking thread ---- */

TEST(test_one_asks_at_a_time_and_the_second_is_told) {
    size_t count, left_out;
    prepare();
    take(MINUTE);
    assert_int_equal(spprof_thread_stacks_take(MINUTE, &count, &left_out), SPPROF_THREAD_STACKS_BUSY);
    spprof_thread_stacks_give_back();
    take(MINUTE);
    spprof_thread_stacks_give_back();
}

TEST(test_asking_leaves_errno_and_system_calls_alone) {
    other sleeping; /* an interrupted read would fail with EINTR, and the test with it */
    prepare();
    begin(&sleeping, wait_for_end);
    errno = ERANGE;
    for (int i = 0; i < 100; i++) assert_int_equal(absence_of(&sleeping), SPPROF_THREAD_PRESENT);
    assert_int_equal(errno, ERANGE);
    prepare();
    assert_int_equal(errno, ERANGE);
    end(&sleeping);
}

static void ask_often(unsigned index, void *argument) {
    (void)index, (void)argument;
    for (int i = 0; i < 300; i++) {
        size_t count, left_out;
        spprof_thread_stacks_status status = spprof_thread_stacks_take(MINUTE, &count, &left_out);
        CHECK(status == SPPROF_THREAD_STACKS_OK || status == SPPROF_THREAD_STACKS_BUSY);
        if (status == SPPROF_THREAD_STACKS_OK) spprof_thread_stacks_give_back();
    }
}

TEST(test_threads_that_ask_one_another_all_come_to_an_end) {
    prepare();
    run_threads(4, ask_often, NULL);
}

static void come_and_go(unsigned index, void *argument) {
    (void)argument;
    for (int i = 0; i < 300; i++) {
        if (index == 0) {
            take(MINUTE);
            spprof_thread_stacks_give_back();
        } else {
            other short_lived;
            begin(&short_lived, wait_for_end);
            end(&short_lived);
        }
    }
}

TEST(test_threads_may_come_and_go_while_they_are_asked) {
    prepare();
    run_threads(4, come_and_go, NULL);
}

/* ---- Together with the CPU profiler ---- */

static __attribute__((noinline)) void burn(uint64_t ns) {
    uint64_t end_ns = sp_clock_thread_cpu_ns() + ns;
    while (sp_clock_thread_cpu_ns() < end_ns) continue;
}

static void burn_until_end(other *self) {
    atomic_fetch_add(&self->ready, 1);
    while (!atomic_load(&self->ends)) burn(1000000);
}

TEST(test_questions_are_no_samples) {
    other computing;
    spprof_cpu_stats stats;
    spprof_cpu_plan plan = {.interval_ns = UINT64_C(1000000000000000), .native = true};
    assert_int_equal(spprof_cpu_start(&plan), SPPROF_CPU_OK);
    prepare();
    begin(&computing, compute);
    for (int i = 0; i < 1000; i++) assert_int_equal(absence_of(&computing), SPPROF_THREAD_PRESENT);
    spprof_cpu_get_stats(&stats);
    assert_int_equal(stats.samples, 0);
    assert_int_equal(stats.weight_ns, 0);
    for (int i = 0; i < SPPROF_CPU_DROP_REASON_COUNT; i++) assert_int_equal(stats.dropped[i], 0);
    end(&computing);
}

/* A thread's samples and its uncovered rest add up to its clock, whatever other threads are doing. */
TEST(test_the_sums_of_a_session_are_right_beside_questions) {
    other computing;
    static spprof_cpu_sample samples[1 << 20];
    spprof_cpu_thread threads[16];
    spprof_cpu_plan plan = {.interval_ns = 1000000, .native = true};
    prepare();
    begin(&computing, burn_until_end);
    assert_int_equal(spprof_cpu_start(&plan), SPPROF_CPU_OK);
    uint64_t begin_ns, end_ns, sum_ns = 0, took = 0;
    assert_true(sp_clock_cpu_ns_of(computing.thread_id, &begin_ns));
    for (uint64_t burned_ns = 0; burned_ns < 300000000; burned_ns = end_ns - begin_ns) {
        took += absence_of(&computing) == SPPROF_THREAD_PRESENT;
        assert_true(sp_clock_cpu_ns_of(computing.thread_id, &end_ns));
    }
    assert_int_equal(spprof_cpu_stop(), SPPROF_CPU_OK);
    assert_true(took > 0);
    uint64_t last_ns;
    assert_true(sp_clock_cpu_ns_of(computing.thread_id, &last_ns));
    size_t count = spprof_cpu_copy(samples, 1 << 20);
    for (size_t i = 0; i < count; i++)
        if (samples[i].thread_id == computing.thread_id) sum_ns += samples[i].weight_ns;
    size_t known = spprof_cpu_threads(threads, 16);
    for (size_t i = 0; i < known; i++)
        if (threads[i].thread_id == computing.thread_id) sum_ns += threads[i].uncovered_ns;
    assert_true(sum_ns >= end_ns - begin_ns);
    assert_true(sum_ns <= last_ns); /* the time that it used before the start is not included */
    end(&computing);
}

TEST(test_sessions_may_begin_and_end_between_questions) {
    other computing;
    spprof_cpu_plan plan = {.interval_ns = 1000000, .native = true};
    prepare();
    begin(&computing, compute);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(spprof_cpu_start(&plan), SPPROF_CPU_OK);
        assert_int_equal(absence_of(&computing), SPPROF_THREAD_PRESENT);
        assert_int_equal(spprof_cpu_stop(), SPPROF_CPU_OK);
        assert_int_equal(absence_of(&computing), SPPROF_THREAD_PRESENT);
    }
    end(&computing);
}

/* ---- Fork ---- */

static void ask_in_child(void *argument) {
    (void)argument;
    other computing;
    begin(&computing, compute);
    CHECK(absence_of(&computing) == SPPROF_THREAD_PRESENT);
    end(&computing);
}

TEST(test_a_child_asks_by_itself_whatever_its_parent_had_begun) {
    other sleeping;
    prepare();
    begin(&sleeping, wait_for_end);
    take(MINUTE);
    run_in_child(ask_in_child, NULL);
    assert_int_equal(found_among(1, sleeping.thread_id).absence, SPPROF_THREAD_PRESENT);
    spprof_thread_stacks_give_back();
    assert_int_equal(absence_of(&sleeping), SPPROF_THREAD_PRESENT);
    end(&sleeping);
}

static void fork_while_asked(unsigned index, void *argument) {
    static _Atomic bool done;
    (void)argument;
    if (index == 0) {
        for (int i = 0; i < 40; i++) run_in_child(ask_in_child, NULL);
        atomic_store(&done, true);
    } else if (index == 1) {
        while (!atomic_load(&done)) {
            take(MINUTE);
            spprof_thread_stacks_give_back();
        }
    } else {
        while (!atomic_load(&done)) continue;
    }
}

TEST(test_forks_in_the_middle_of_questions) {
    prepare();
    run_threads(3, fork_while_asked, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_is_asked_before_the_preparation),
        cmocka_unit_test(test_threads_that_compute_and_that_sleep_show_where),
        cmocka_unit_test(test_a_thread_is_told_by_its_name_and_state),
        cmocka_unit_test(test_the_thread_that_asks_is_left_out),
        cmocka_unit_test(test_many_threads_answer),
        cmocka_unit_test(test_threads_beyond_the_table_are_counted),
        cmocka_unit_test(test_a_thread_that_blocks_the_signal_is_sent_none),
        cmocka_unit_test(test_a_thread_with_a_small_signal_stack_is_sent_nothing_till_it_has_another),
        cmocka_unit_test(test_a_signal_stack_becomes_small_when_no_signal_is_being_sent_any_more),
        cmocka_unit_test(test_a_thread_that_no_signal_interrupts_answers_when_it_can),
        cmocka_unit_test(test_a_thread_inside_the_engine_is_told_as_such),
        cmocka_unit_test(test_a_thread_whose_frames_are_being_changed_is_asked_again),
        cmocka_unit_test(test_a_handler_of_the_programs_own_is_not_called),
        cmocka_unit_test(test_who_does_not_wait_is_told_that_nobody_has_answered_and_later_all_is_right),
        cmocka_unit_test(test_a_signal_that_comes_when_nobody_waits_any_more_answers_nothing),
        cmocka_unit_test(test_a_question_is_taken_by_its_thread_alone_and_once),
        cmocka_unit_test(test_stacks_are_held_until_they_are_given_back_and_late_ones_not_at_all),
        cmocka_unit_test(test_a_cookie_that_nobody_has_made_does_nothing),
        cmocka_unit_test(test_one_asks_at_a_time_and_the_second_is_told),
        cmocka_unit_test(test_asking_leaves_errno_and_system_calls_alone),
        cmocka_unit_test(test_threads_that_ask_one_another_all_come_to_an_end),
        cmocka_unit_test(test_threads_may_come_and_go_while_they_are_asked),
        cmocka_unit_test(test_questions_are_no_samples),
        cmocka_unit_test(test_the_sums_of_a_session_are_right_beside_questions),
        cmocka_unit_test(test_sessions_may_begin_and_end_between_questions),
        cmocka_unit_test(test_a_child_asks_by_itself_whatever_its_parent_had_begun),
        cmocka_unit_test(test_forks_in_the_middle_of_questions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
