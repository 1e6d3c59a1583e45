/* handler.c: one tick of one thread, from the signal to the log. */
#include "capture.h"
#include "clock.h"
#include "cpu.h"
#include "log.h"
#include "profiler.h"
#include "stack_memory.h"
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

/* What the walker may read without asking lies between the interrupted stack pointer and the stack's end. */
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
    uint64_t monotonic_ns, cpu_ns;
} moment;

/* What the thread's clock has advanced since its last sample. */
static uint64_t cover(sp_thread_slot *slot, const moment *at) {
    uint64_t now = sp_the_cpu.plan.wall ? at->monotonic_ns : at->cpu_ns;
    uint64_t before = atomic_exchange_explicit(&slot->covered_ns, now, memory_order_relaxed);
    return now > before ? now - before : 0;
}

/* In the log the stack stays until the next session: the handler's hold may end. */
static void keep(sp_thread_slot *slot, sp_stack_record *stack, const moment *at) {
    spprof_cpu_sample sample = {.time_ns = at->monotonic_ns,
                                .weight_ns = cover(slot, at),
                                .thread_id = atomic_load_explicit(&slot->thread_id, memory_order_relaxed)};
    atomic_fetch_add_explicit(&slot->samples, 1, memory_order_relaxed);
    sp_log_append(&sample, stack);
    sp_stack_release(stack);
    atomic_fetch_add_explicit(&sp_the_cpu.samples, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&sp_the_cpu.weight_ns, sample.weight_ns, memory_order_relaxed);
}

/* What the deepest ways through the engine take (gcc -fstack-usage adds up to 3.3 and 4.5 KB), and some more. */
#define STACK_ROOM_PYTHON 4096
#define STACK_ROOM_NATIVE 6144

static bool has_stack_room(const sp_interrupted *interrupted) {
    return interrupted->stack_room >= (sp_the_cpu.plan.native ? STACK_ROOM_NATIVE : STACK_ROOM_PYTHON);
}

static void take_sample(sp_thread_slot *slot, const sp_interrupted *interrupted, const moment *at) {
    spprof_thread *self = &spprof_this_thread;
    if (self->guard) {
        sp_cpu_count_drop(SPPROF_CPU_DROP_IN_ENGINE);
        return;
    }
    if (!has_stack_room(interrupted)) {
        sp_cpu_count_drop(SPPROF_CPU_DROP_NO_STACK_ROOM);
        return;
    }
    sp_guard_enter(self);
    sp_stack_record *stack = capture(interrupted);
    sp_guard_leave(self);
    if (stack)
        keep(slot, stack, at);
    else
        count_torn();
}

/* By the monotonic clock in wall mode. Reading a thread's CPU clock makes the kernel see whether its time slice ended.
 * A tick by the wall comes between two of the kernel's own: the thread would be put aside there, and never be on when
 * the kernel counts CPU time for ITIMER_PROF and RLIMIT_CPU. */
static uint64_t work_clock_ns(void) {
    return sp_the_cpu.plan.wall ? sp_clock_monotonic_ns() : sp_clock_thread_cpu_ns();
}

/* At its first tick. A thread that is listed while it is being made is not known to have a small stack; before it lets
 * signals in, it is. */
static bool is_left_out(const sp_interrupted *interrupted, uint32_t session) {
    bool on_its_own_stack = interrupted->stack_room == SIZE_MAX;
    return on_its_own_stack && spprof_this_thread.cpu_session != session && sp_cpu_leaves_out_self();
}

static void act_on_thread(sp_thread_slot *slot, const sp_interrupted *interrupted) {
    uint32_t session = atomic_load_explicit(&sp_the_cpu.session, memory_order_relaxed);
    if (is_left_out(interrupted, session)) return;
    uint64_t work_ns = work_clock_ns();
    moment begin = {.monotonic_ns = sp_clock_monotonic_ns(), .cpu_ns = work_ns};
    spprof_this_thread.cpu_session = session;
    atomic_store_explicit(&slot->pending, false, memory_order_relaxed);
    take_sample(slot, interrupted, &begin);
    if (has_stack_room(interrupted)) sp_finder_help();
    atomic_fetch_add_explicit(&sp_the_cpu.handler_ns, work_clock_ns() - work_ns, memory_order_relaxed);
}

/* A number that no timer has is somebody's invention. */
static void act(uint32_t number, const sp_interrupted *interrupted) {
    sp_thread_slot *slot = number > 0 ? sp_threads_slot(number - 1) : NULL;
    if (slot && atomic_load_explicit(&slot->thread_id, memory_order_relaxed) != 0)
        act_on_thread(slot, interrupted);
    else if (number == 0 && has_stack_room(interrupted))
        sp_finder_on_tick();
}

/* Counted before the session is looked at: who ends a session sees every handler that still believes in it. */
void sp_cpu_on_tick(uint64_t cookie, const sp_interrupted *interrupted) {
    atomic_fetch_add(&sp_the_cpu.at_work, 1);
    bool current = atomic_load(&sp_the_cpu.session) == cookie >> 32 && cookie >> 32 != 0;
    if (current && !atomic_load_explicit(&sp_the_profiler.broken, memory_order_relaxed) &&
        !atomic_load_explicit(&sp_the_cpu.gave_up, memory_order_relaxed))
        act((uint32_t)cookie, interrupted);
    atomic_fetch_sub(&sp_the_cpu.at_work, 1);
}
