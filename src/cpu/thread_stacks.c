/* thread_stacks.c: asks all threads what they are doing now. The threads' handlers answer in handler.c. */
#include "capture.h"
#include "clock.h"
#include "cpu.h"
#include "fork.h"
#include "profiler.h"
#include "signal_stacks.h"
#include "tasks.h"
#include "thread.h"
#include "thread_questions.h"

#include <errno.h>
#include <string.h>

_Static_assert(sizeof((spprof_thread_stack *)0)->name == SP_TASK_NAME_SIZE, "a name fits");
_Static_assert(sizeof((spprof_thread_stack *)0)->waits_in == SP_TASK_PLACE_SIZE, "a place fits");

static _Atomic bool prepared;
static _Atomic bool asking; /* a thread has taken stacks and not given them back yet */

/* For the asking thread only. */
static size_t met, left_out;

/* ---- Preparation ---- */

static void go_on_in_child(void) {
    int saved_errno = errno;
    sp_thread_questions_forget_all();
    sp_signal_stacks_look(true);
    atomic_store(&asking, false);
    errno = saved_errno;
}

/* While a session is active, it keeps its signal, even if the program has replaced the handler. */
static bool has_signal(void) {
    return spprof_cpu_is_active() ? sp_tick_is_installed() : sp_tick_install(sp_cpu_on_tick);
}

static spprof_thread_stacks_status prepare_locked(void) {
    if (!sp_profiler_create() || !sp_thread_questions_create()) return SPPROF_THREAD_STACKS_OUT_OF_MEMORY;
    if (!has_signal()) return SPPROF_THREAD_STACKS_NO_SIGNAL;
    sp_signal_stacks_watch();
    sp_signal_stacks_look(false);
    if (!atomic_exchange(&prepared, true)) sp_fork_call(NULL, NULL, go_on_in_child);
    return SPPROF_THREAD_STACKS_OK;
}

/* The order of these steps has the same reasons as in spprof_cpu_start(). */
spprof_thread_stacks_status spprof_thread_stacks_prepare(void) {
    int saved_errno = errno;
    spprof_pause();
    sp_capture_prepare();
    sp_lock_acquire(&sp_the_cpu.lifecycle);
    spprof_thread_stacks_status status = prepare_locked();
    sp_lock_release(&sp_the_cpu.lifecycle);
    spprof_resume();
    errno = saved_errno;
    return status;
}

/* ---- One thread ---- */

static bool has_ended(char state) {
    return state == '\0' || strchr("ZX", state);
}

/* A blocked signal is not sent: it would arrive at some later time, and many of them would exhaust the kernel's
 * queue. */
static spprof_thread_absence why_it_cannot_be_asked(const spprof_thread_stack *told) {
    if (atomic_load(&sp_the_profiler.broken)) return SPPROF_THREAD_BROKEN;
    if (!sp_tick_is_installed()) return SPPROF_THREAD_DISPLACED;
    if (has_ended(told->state)) return SPPROF_THREAD_ENDED;
    if (told->state == 'D') return SPPROF_THREAD_UNINTERRUPTIBLE;
    if (strchr("Tt", told->state)) return SPPROF_THREAD_STOPPED;
    if (sp_task_blocks(told->thread_id, sp_tick_signal())) return SPPROF_THREAD_BLOCKED;
    return SPPROF_THREAD_PRESENT;
}

/* Check the thread's stacks now that the question is open, not before. */
static spprof_thread_absence send(uint32_t thread_id, uint64_t cookie) {
    if (sp_signal_stacks_is_small(thread_id)) return SPPROF_THREAD_SMALL_SIGNAL_STACK;
    if (sp_signal_stacks_is_thread_small(thread_id)) return SPPROF_THREAD_SMALL_STACK;
    return sp_tick_send(thread_id, cookie) ? SPPROF_THREAD_PRESENT : SPPROF_THREAD_REFUSED;
}

static void settle(uint32_t number) {
    static const spprof_thread_absence absences[] = {
        [SP_ANSWER_NONE] = SPPROF_THREAD_LATE,
        [SP_ANSWER_ASKED] = SPPROF_THREAD_LATE,
        [SP_ANSWER_AT_WORK] = SPPROF_THREAD_LATE,
        [SP_ANSWER_STACK] = SPPROF_THREAD_PRESENT,
        [SP_ANSWER_TORN] = SPPROF_THREAD_TORN,
        [SP_ANSWER_IN_ENGINE] = SPPROF_THREAD_IN_ENGINE,
        [SP_ANSWER_SMALL_STACK] = SPPROF_THREAD_SMALL_STACK,
        [SP_ANSWER_SMALL_SIGNAL_STACK] = SPPROF_THREAD_SMALL_SIGNAL_STACK,
    };
    sp_thread_question *question = sp_thread_questions_at(number);
    question->told.absence = absences[sp_thread_questions_settle(number, &question->record)];
}

/* Ask one thread. If the signal cannot be sent, the question is settled immediately. */
static void ask(uint32_t number) {
    sp_thread_question *question = sp_thread_questions_at(number);
    question->told.absence = why_it_cannot_be_asked(&question->told);
    if (question->told.absence != SPPROF_THREAD_PRESENT) return;
    uint64_t cookie = sp_thread_questions_ask(number, question->told.thread_id);
    spprof_thread_absence absence = send(question->told.thread_id, cookie);
    sp_thread_questions_sent();
    if (absence == SPPROF_THREAD_PRESENT) return;
    settle(number);
    question->told.absence = absence;
}

/* ---- All threads ---- */

static void meet(uint32_t thread_id, void *asker) {
    if (thread_id == *(const uint32_t *)asker) return;
    if (met == sp_thread_questions_max()) {
        left_out++;
        return;
    }
    sp_thread_question *question = sp_thread_questions_at((uint32_t)met++);
    spprof_thread_stack *told = &question->told;
    sp_task task;
    sp_task_look(thread_id, &task);
    *told = (spprof_thread_stack){.thread_id = thread_id, .state = task.state};
    memcpy(told->name, task.name, sizeof told->name);
    memcpy(told->waits_in, task.waits_in, sizeof told->waits_in);
    question->record = NULL;
}

static bool any_is_open(void) {
    for (uint32_t number = 0; number < met; number++)
        if (sp_thread_questions_is_open(number)) return true;
    return false;
}

/* Threads that have ended do not answer any more. */
static void settle_ended(void) {
    sp_task task;
    for (uint32_t number = 0; number < met; number++) {
        if (!sp_thread_questions_is_open(number)) continue;
        sp_task_look(sp_thread_questions_at(number)->told.thread_id, &task);
        if (!has_ended(task.state)) continue;
        settle(number);
        if (!sp_thread_questions_at(number)->record) sp_thread_questions_at(number)->told.absence = SPPROF_THREAD_ENDED;
    }
}

#define LOOK_AFTER_NS UINT64_C(20000000) /* nearly all threads have answered by then */

static void wait_until(uint64_t end_ns) {
    uint64_t now_ns = sp_clock_monotonic_ns(), look_ns = now_ns + LOOK_AFTER_NS;
    while (now_ns < end_ns) {
        uint32_t seen = sp_thread_questions_answers();
        if (!any_is_open()) return;
        sp_thread_questions_wait(seen, (look_ns < end_ns ? look_ns : end_ns) - now_ns);
        now_ns = sp_clock_monotonic_ns();
        if (now_ns < look_ns) continue;
        settle_ended();
        look_ns = now_ns + LOOK_AFTER_NS;
    }
}

#define TRIES 20 /* a millisecond apart */

static bool may_be_at_work(char state) {
    return state == 'R' || state == 'D';
}

/* A thread that was in the middle of some work has progressed by the next attempt. All signals are blocked in the
 * handler of a tick or of an earlier question. A thread may stay there as long as it gets no core, but it does not
 * sleep there. Most system calls that no signal interrupts are short, such as a wait for the list of mappings. */
static bool may_answer_later(spprof_thread_stack *told, int tries) {
    sp_task task;
    if (told->absence == SPPROF_THREAD_TORN || told->absence == SPPROF_THREAD_IN_ENGINE) return tries < TRIES;
    if (told->absence != SPPROF_THREAD_BLOCKED && told->absence != SPPROF_THREAD_UNINTERRUPTIBLE) return false;
    sp_task_look(told->thread_id, &task);
    told->state = task.state;
    return told->absence == SPPROF_THREAD_UNINTERRUPTIBLE || may_be_at_work(task.state);
}

static bool ask_again(int tries) {
    bool any = false;
    for (uint32_t number = 0; number < met; number++) {
        if (!may_answer_later(&sp_thread_questions_at(number)->told, tries)) continue;
        ask(number);
        any = true;
    }
    return any;
}

/* Settle the questions whose signals were sent and that have no stack yet. */
static void settle_asked(void) {
    for (uint32_t number = 0; number < met; number++) {
        const sp_thread_question *question = sp_thread_questions_at(number);
        if (question->told.absence == SPPROF_THREAD_PRESENT && !question->record) settle(number);
    }
}

static void ask_all(uint64_t end_ns) {
    for (uint32_t number = 0; number < met; number++) ask(number);
    wait_until(end_ns);
    settle_asked();
    for (int tries = 1; sp_clock_monotonic_ns() < end_ns; tries++) {
        sp_thread_pause(); /* gives the thread time to progress, even if it shares a core with this one */
        if (!ask_again(tries)) return;
        wait_until(end_ns);
        settle_asked();
    }
}

static void point_to_stacks(void) {
    for (uint32_t number = 0; number < met; number++) {
        sp_thread_question *question = sp_thread_questions_at(number);
        const sp_stack_record *record = question->record;
        if (!record) continue;
        question->told.stack = (spprof_stack){.frames = record->frames,
                                              .count = record->count,
                                              .depth_limited = record->depth_limited,
                                              .truncated = record->truncated};
    }
}

static spprof_thread_stacks_status take(uint64_t within_ns) {
    uint32_t asker = sp_thread_kernel_id();
    uint64_t end_ns = sp_clock_monotonic_ns() + within_ns;
    met = left_out = 0;
    sp_thread_questions_begin();
    if (!sp_tasks_each(meet, &asker)) return SPPROF_THREAD_STACKS_NO_LIST;
    ask_all(end_ns);
    point_to_stacks();
    return SPPROF_THREAD_STACKS_OK;
}

spprof_thread_stacks_status spprof_thread_stacks_take(uint64_t within_ns, size_t *count, size_t *more) {
    int saved_errno = errno;
    *count = *more = 0;
    if (!atomic_load(&prepared)) return SPPROF_THREAD_STACKS_UNPREPARED;
    if (atomic_exchange(&asking, true)) return SPPROF_THREAD_STACKS_BUSY;
    spprof_thread_stacks_status status = take(within_ns);
    if (status == SPPROF_THREAD_STACKS_OK)
        *count = met, *more = left_out;
    else
        atomic_store(&asking, false);
    errno = saved_errno;
    return status;
}

void spprof_thread_stacks_get(size_t index, spprof_thread_stack *stack) {
    *stack = sp_thread_questions_at((uint32_t)index)->told;
}

void spprof_thread_stacks_give_back(void) {
    for (uint32_t number = 0; number < met; number++) {
        sp_thread_question *question = sp_thread_questions_at(number);
        if (question->record) sp_stack_release(question->record);
        question->record = NULL;
    }
    atomic_store(&asking, false);
}
