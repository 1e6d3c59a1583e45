/* handler.c: handles one tick of one thread, from the signal to the log. */
#include "capture.h"
#include "clock.h"
#include "cpu.h"
#include "log.h"
#include "profiler.h"
#include "signal_stacks.h"
#include "stack_memory.h"
#include "thread.h"
#include "thread_questions.h"
#include "threads.h"

static bool is_hopeless(void) {
    uint64_t torn = atomic_load_explicit(&sp_the_cpu.dropped[SPPROF_CPU_DROP_TORN], memory_order_relaxed);
    return torn >= SPPROF_CPU_HOPELESS_TORN &&
           torn > 99 * atomic_load_explicit(&sp_the_cpu.samples, memory_order_relaxed);
}

static void count_torn(void) {
    sp_cpu_count_drop(SPPROF_CPU_DROP_TORN);
    if (is_hopeless()) atomic_store_explicit(&sp_the_cpu.gave_up, true, memory_order_relaxed);
}

/* The walker may read everything from the interrupted stack pointer to the stack's end without checking. */
static void learn_stack(const sp_interrupted *interrupted) {
    sp_stack_memory stack;
    sp_stack_memory_find(&stack, interrupted->sp);
}

static __attribute__((noinline)) sp_stack_record *capture_native(const sp_interrupted *interrupted) {
    sp_registers registers;
    sp_tick_registers(interrupted, registers.value);
    registers.known = (UINT64_C(1) << SP_REGISTER_COUNT) - 1;
    return sp_capture_interrupted(interrupted, &registers);
}

static sp_stack_record *capture(const sp_interrupted *interrupted) {
    learn_stack(interrupted);
    return sp_the_cpu.plan.native ? capture_native(interrupted) : sp_capture_interrupted(interrupted, NULL);
}

typedef struct moment {
    uint64_t monotonic_ns;
    uint64_t work_ns; /* on the thread's CPU clock; in wall mode the same as monotonic_ns */
} moment;

/* The log keeps the stack until the next session, so the handler's hold may end. */
static void keep(const sp_finding *found, sp_stack_record *stack, const moment *at) {
    sp_thread_slot *slot = found->slot;
    bool is_estimated = found->weight_ns > 0;
    uint32_t thread_id = atomic_load_explicit(&slot->thread_id, memory_order_relaxed);
    spprof_cpu_sample sample = {.time_ns = at->monotonic_ns,
                                .weight_ns = is_estimated ? found->weight_ns : sp_threads_cover(slot, at->work_ns),
                                .thread_id = is_estimated ? thread_id | SP_LOG_ESTIMATED : thread_id};
    if (is_estimated) sp_threads_cover_more(slot, found->weight_ns);
    atomic_fetch_add_explicit(&slot->samples, 1, memory_order_relaxed);
    sp_log_append(&sample, stack);
    sp_stack_release(stack);
    sp_cpu_count_sample(&sample);
}

/* The stack space that the deepest paths through the engine need, plus a margin. (The frames that gcc -fstack-usage
 * reports add up to 3.3 and 4.5 KiB.) */
#define STACK_ROOM_PYTHON 4096
#define STACK_ROOM_NATIVE 6144

static bool has_stack_room(const sp_interrupted *interrupted) {
    return interrupted->stack_room >= (sp_the_cpu.plan.native ? STACK_ROOM_NATIVE : STACK_ROOM_PYTHON);
}

/* Return false if no sample was taken. If `found` has no weight, it stands for a thread's own tick. */
static bool take_sample(const sp_finding *found, const sp_interrupted *interrupted, const moment *at) {
    spprof_thread *self = &spprof_this_thread;
    if (self->guard) {
        sp_cpu_count_drop(SPPROF_CPU_DROP_IN_ENGINE);
        return false;
    }
    if (!has_stack_room(interrupted)) {
        sp_cpu_count_drop(SPPROF_CPU_DROP_NO_STACK_ROOM);
        return false;
    }
    sp_guard_enter(self);
    sp_stack_record *stack = capture(interrupted);
    sp_guard_leave(self);
    if (stack)
        keep(found, stack, at);
    else
        count_torn();
    return stack != NULL;
}

/* Return the monotonic clock in wall mode, for this reason: reading a thread's CPU clock makes the kernel check
 * whether the thread's time slice has ended. A wall-clock tick arrives between two of the kernel's own. The thread
 * would be preempted there, and would never be running when the kernel counts CPU time for ITIMER_PROF and
 * RLIMIT_CPU. */
static uint64_t work_clock_ns(void) {
    return sp_the_cpu.plan.wall ? sp_clock_monotonic_ns() : sp_clock_thread_cpu_ns();
}

static moment begin_work(void) {
    uint64_t work_ns = work_clock_ns();
    return (moment){.monotonic_ns = sp_clock_monotonic_ns(), .work_ns = work_ns};
}

static void end_work(const moment *begin) {
    atomic_fetch_add_explicit(&sp_the_cpu.handler_ns, work_clock_ns() - begin->work_ns, memory_order_relaxed);
}

/* This is checked at a thread's first tick. If the thread was listed while it was being created, its stack was not
 * yet known to be small; by the time the thread accepts signals, it is. */
static bool is_left_out(const sp_interrupted *interrupted, uint32_t session) {
    bool on_its_own_stack = interrupted->stack_room == SIZE_MAX;
    return on_its_own_stack && spprof_this_thread.cpu_session != session && sp_cpu_leaves_out_self();
}

static void act_on_thread(sp_thread_slot *slot, const sp_interrupted *interrupted) {
    uint32_t session = atomic_load_explicit(&sp_the_cpu.session, memory_order_relaxed);
    if (is_left_out(interrupted, session)) return;
    moment begin = begin_work();
    spprof_this_thread.cpu_session = session;
    atomic_store_explicit(&slot->pending, false, memory_order_relaxed);
    if (sp_threads_is_beyond_estimates(slot, begin.work_ns))
        take_sample(&(sp_finding){.slot = slot}, interrupted, &begin);
    if (has_stack_room(interrupted)) sp_finder_help(begin.work_ns);
    end_work(&begin);
}

static void act_on_process(const sp_interrupted *interrupted) {
    moment begin = begin_work();
    sp_finding found = sp_finder_on_tick(begin.work_ns, sp_tick_has_woken(interrupted));
    if (found.slot && !take_sample(&found, interrupted, &begin)) sp_finder_give_back(found.weight_ns);
    end_work(&begin);
}

/* ---- Answering what the thread is doing now ---- */

static sp_answer refusal_of(const sp_interrupted *interrupted) {
    bool on_its_own_stack = interrupted->stack_room == SIZE_MAX;
    if (spprof_this_thread.guard) return SP_ANSWER_IN_ENGINE;
    if (interrupted->stack_room < STACK_ROOM_NATIVE) return SP_ANSWER_SMALL_SIGNAL_STACK;
    if (on_its_own_stack && sp_signal_stacks_is_thread_small(sp_thread_kernel_id())) return SP_ANSWER_SMALL_STACK;
    return SP_ANSWER_STACK;
}

/* The session part of the cookie marks it as a question's. A question belongs to no session and is not counted. */
static void answer(uint32_t cookie, const sp_interrupted *interrupted) {
    sp_stack_record *stack = NULL;
    if (!sp_thread_questions_take(cookie)) return;
    sp_answer what = refusal_of(interrupted);
    if (what == SP_ANSWER_STACK) {
        sp_guard_enter(&spprof_this_thread);
        learn_stack(interrupted);
        stack = capture_native(interrupted);
        sp_guard_leave(&spprof_this_thread);
        if (!stack) what = SP_ANSWER_TORN;
    }
    sp_thread_questions_answer(cookie, what, stack);
}

/* ---- A tick ---- */

/* Ignore a slot number that none of our timers uses: the signal is forged. */
static void act(uint32_t number, const sp_interrupted *interrupted) {
    sp_thread_slot *slot = number > 0 ? sp_threads_slot(number - 1) : NULL;
    if (slot && atomic_load_explicit(&slot->thread_id, memory_order_relaxed) != 0)
        act_on_thread(slot, interrupted);
    else if (number == 0 && has_stack_room(interrupted))
        act_on_process(interrupted);
}

/* `at_work` is increased before the session is checked, so the thread that ends a session sees every handler that is
 * still acting for it. */
void sp_cpu_on_tick(uint64_t cookie, const sp_interrupted *interrupted) {
    if (cookie >> 32 == SP_QUESTIONS_SESSION) {
        answer((uint32_t)cookie, interrupted);
        return;
    }
    atomic_fetch_add(&sp_the_cpu.at_work, 1);
    bool current = atomic_load(&sp_the_cpu.session) == cookie >> 32 && cookie >> 32 != 0;
    if (current && !atomic_load_explicit(&sp_the_profiler.broken, memory_order_relaxed) &&
        !atomic_load_explicit(&sp_the_cpu.gave_up, memory_order_relaxed))
        act((uint32_t)cookie, interrupted);
    atomic_fetch_sub(&sp_the_cpu.at_work, 1);
}
