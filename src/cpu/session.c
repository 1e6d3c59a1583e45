/* session.c: start, stop, fork. */
#include "capture.h"
#include "clock.h"
#include "cpu.h"
#include "fork.h"
#include "log.h"
#include "profiler.h"
#include "signal_stacks.h"
#include "thread.h"
#include "threads.h"

#include <errno.h>

static sp_cpu *const cpu = &sp_the_cpu;

static void empty_counters(void) {
    atomic_store(&cpu->gave_up, false);
    atomic_store(&cpu->samples, 0);
    atomic_store(&cpu->weight_ns, 0);
    atomic_store(&cpu->handler_ns, 0);
    atomic_store(&cpu->estimated_ns, 0);
    atomic_store(&cpu->estimates, false);
    for (int i = 0; i < SPPROF_CPU_DROP_REASON_COUNT; i++) atomic_store(&cpu->dropped[i], 0);
}

/* Open an empty session, which handlers may use once this returns. If it succeeds, this thread has entered the table
 * of threads. */
static bool open_session(const spprof_cpu_plan *plan, bool has_timers) {
    uint32_t session = cpu->sessions + 1;
    sp_threads_plan threads = {
        .session = session, .interval_ns = plan->interval_ns, .wall = plan->wall, .has_timers = has_timers};
    if (!sp_log_begin() || !sp_threads_begin(&threads)) return false;
    empty_counters();
    cpu->plan = *plan;
    cpu->by_thread = !has_timers;
    cpu->finder = SP_TICK_NONE;
    cpu->process_id = sp_process_id();
    cpu->sessions = session;
    cpu->start_ns = sp_clock_monotonic_ns();
    cpu->start_process_ns = sp_clock_process_cpu_ns();
    atomic_store(&cpu->session, session);
    return true;
}

/* Close the session. When this returns, running handlers have ended, and new ones find no session. */
static void close_session(void) {
    atomic_store(&cpu->session, 0);
    while (atomic_load(&cpu->at_work) != 0) sp_thread_pause();
}

static uint64_t clock_of_self(void) {
    return cpu->plan.wall ? sp_clock_monotonic_ns() : sp_clock_thread_cpu_ns();
}

/* Call this after the calling thread has been added, because it may have to be left out, and before the other
 * threads get their timers, because the kernel may not grant all of them. */
static void begin_finder(void) {
    if (!sp_finder_begin()) sp_cpu_count_drop(SPPROF_CPU_DROP_TIMER_REFUSED);
}

/* ---- Fork ---- */

/* This runs on the child's only thread. The child does not have its parent's timers, and its own clock has started
 * again. */
static void go_on_in_child(void) {
    int saved_errno = errno;
    sp_lock_reset_after_fork(&cpu->lifecycle);
    sp_threads_leave(); /* the thread that had entered the table does not exist here */
    atomic_store(&cpu->at_work, 0);
    bool active = atomic_exchange(&cpu->session, 0) != 0;
    spprof_cpu_plan plan = cpu->plan;
    sp_signal_stacks_look(true);
    if (active && !cpu->by_thread && open_session(&plan, true)) {
        sp_threads_add_self(clock_of_self(), false);
        begin_finder();
        sp_threads_leave();
    }
    errno = saved_errno;
}

/* ---- Start ---- */

static void prepare_once(void) {
    static bool done; /* protected by the lifecycle lock */
    if (!done) sp_fork_call(NULL, NULL, go_on_in_child);
    sp_signal_stacks_watch();
    done = true;
}

/* Return whether the kernel grants at least the two timers that sampling needs: this thread's, and the one that
 * finds the other threads. */
#define SELDOM_NS UINT64_C(1000000000000000) /* eleven days */

static bool grants_timers(void) {
    int own = sp_tick_create(sp_thread_kernel_id(), SP_TICK_CPU, 0);
    int finder = sp_tick_create_for_process(SP_TICK_CPU, 0, 0);
    bool granted = own != SP_TICK_NONE && finder != SP_TICK_NONE && sp_tick_arm(own, SELDOM_NS, SELDOM_NS) &&
                   sp_tick_arm(finder, SELDOM_NS, SELDOM_NS);
    if (own != SP_TICK_NONE) sp_tick_delete(own);
    if (finder != SP_TICK_NONE) sp_tick_delete(finder);
    return granted;
}

/* Send a signal to this thread, for no session. */
static bool grants_signals(void) {
    return sp_tick_send(sp_thread_kernel_id(), 0);
}

static void know_threads(void) {
    sp_threads_add_self(clock_of_self(), false);
    if (!cpu->by_thread) begin_finder();
    sp_threads_list(UINT64_MAX);
    if (!cpu->by_thread) sp_finder_aim();
    sp_threads_leave();
}

static spprof_cpu_status start_locked(const spprof_cpu_plan *plan) {
    if (atomic_load(&cpu->session) != 0) return SPPROF_CPU_ALREADY_ACTIVE;
    if (!sp_profiler_create()) return SPPROF_CPU_OUT_OF_MEMORY;
    if (!sp_tick_install(sp_cpu_on_tick)) return SPPROF_CPU_NO_SIGNAL;
    prepare_once();
    sp_signal_stacks_look(false);
    if (!plan->wall && !sp_clock_tells_cpu()) return SPPROF_CPU_NO_CLOCK;
    bool has_timers = grants_timers();
    if (!has_timers && !grants_signals()) return SPPROF_CPU_NO_TICKS;
    if (!open_session(plan, has_timers)) return SPPROF_CPU_OUT_OF_MEMORY;
    know_threads();
    if (!cpu->by_thread || sp_sender_begin()) return SPPROF_CPU_OK;
    close_session();
    return SPPROF_CPU_NO_TICKS;
}

/* A handler on this thread would find the lock held: the guard keeps out handlers of the heap profiler, and no tick
 * takes the lock. The loader is called before the lock is taken; see spprof_start. */
spprof_cpu_status spprof_cpu_start(const spprof_cpu_plan *plan) {
    int saved_errno = errno;
    spprof_pause();
    sp_capture_prepare();
    sp_lock_acquire(&cpu->lifecycle);
    spprof_cpu_status status = start_locked(plan);
    sp_lock_release(&cpu->lifecycle);
    spprof_resume();
    errno = saved_errno;
    return status;
}

/* ---- Stop ---- */

static spprof_cpu_status stop_locked(void) {
    if (atomic_load(&cpu->session) == 0) return SPPROF_CPU_NOT_ACTIVE;
    cpu->end_process_ns = sp_clock_process_cpu_ns();
    cpu->end_ns = sp_clock_monotonic_ns();
    cpu->displaced = !sp_tick_is_installed();
    close_session();
    if (cpu->by_thread) sp_sender_end();
    sp_threads_wait();
    if (cpu->finder != SP_TICK_NONE) sp_tick_delete(cpu->finder);
    cpu->finder = SP_TICK_NONE;
    sp_threads_end_all();
    sp_threads_leave();
    return SPPROF_CPU_OK;
}

spprof_cpu_status spprof_cpu_stop(void) {
    int saved_errno = errno;
    spprof_pause();
    sp_lock_acquire(&cpu->lifecycle);
    spprof_cpu_status status = stop_locked();
    sp_lock_release(&cpu->lifecycle);
    spprof_resume();
    errno = saved_errno;
    return status;
}

bool spprof_cpu_is_active(void) {
    return atomic_load(&cpu->session) != 0;
}
