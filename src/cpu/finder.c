/* finder.c: finds the threads that a session does not know yet, and those that have ended.
 *
 *   CPU time of the process ──► its timer ──► signal on a thread that runs ─┬─ it has no timer: it gets one
 *                                                                          └─ else, now and then: the list of threads
 *
 * A thread that uses CPU time is met within an interval or so of it, and its first sample covers all since its birth.
 * While nothing changes the timer slows down. Before Linux 6.4 the signal goes to the program's first thread, if it
 * does not block it; there threads are found by the list alone.
 *
 * The kernel may choose a thread whose stack has no room for a signal. While there is one, all signals go to one other
 * thread, and the ticks of all others look at the list as well.
 */
#include "clock.h"
#include "cpu.h"
#include "tasks.h"
#include "threads.h"

#define SLOWEST 16   /* intervals */
#define LIST_EVERY 8 /* ticks without a change in number */

static struct {
    uint64_t pace; /* in intervals */
    uint32_t quiet_ticks;
    uint32_t target; /* the thread that gets the signals; ANY, NOBODY */
} finder;            /* of who has entered the table of threads */

#define ANY 0
#define NOBODY UINT32_MAX

static _Atomic bool wants_help; /* its own signals may not suffice */
static _Atomic uint32_t helping;

static void set_pace(uint64_t pace) {
    if (pace == finder.pace) return;
    finder.pace = pace;
    if (sp_the_cpu.finder == SP_TICK_NONE) return;
    sp_tick_arm(sp_the_cpu.finder, pace * sp_the_cpu.plan.interval_ns, pace * sp_the_cpu.plan.interval_ns);
}

static void create_for(uint32_t target) {
    uint64_t cookie = (uint64_t)atomic_load(&sp_the_cpu.session) << 32;
    sp_tick_clock clock = sp_the_cpu.plan.wall ? SP_TICK_WALL : SP_TICK_CPU;
    if (sp_the_cpu.finder != SP_TICK_NONE) sp_tick_delete(sp_the_cpu.finder);
    sp_the_cpu.finder = target == NOBODY ? SP_TICK_NONE : sp_tick_create_for_process(clock, target, cookie);
    finder.target = target;
    finder.pace = 0;
    set_pace(1);
    atomic_store(&wants_help, target != ANY);
}

static uint32_t choose_target(void) {
    if (!sp_threads_any_unfit()) return ANY;
    uint32_t fit = sp_threads_fit_one();
    return fit != 0 ? fit : NOBODY;
}

bool sp_finder_begin(void) {
    uint32_t target = choose_target();
    finder.quiet_ticks = 0;
    create_for(target);
    return sp_the_cpu.finder != SP_TICK_NONE || target == NOBODY;
}

void sp_finder_aim(void) {
    uint32_t target = choose_target();
    if (!sp_the_cpu.by_thread && target != finder.target) create_for(target);
}

static uint64_t covered_by_now(void) {
    if (sp_the_cpu.plan.wall) return sp_clock_monotonic_ns();
    return sp_threads_clock_at_start(sp_clock_thread_cpu_ns(), sp_the_cpu.start_process_ns);
}

static bool is_list_due(void) {
    uint32_t count = sp_tasks_count();
    if (count == sp_threads_live() && ++finder.quiet_ticks % LIST_EVERY != 0) return false;
    return count != 0;
}

static bool find_threads(void) {
    spprof_thread *self = &spprof_this_thread;
    if (self->cpu_session != atomic_load_explicit(&sp_the_cpu.session, memory_order_relaxed)) {
        sp_threads_add_self(covered_by_now());
        return true;
    }
    return is_list_due() && sp_threads_list(sp_the_cpu.start_process_ns);
}

void sp_finder_on_tick(void) {
    if (!sp_threads_try()) return;
    if (find_threads()) {
        sp_finder_aim();
        set_pace(1);
    } else {
        set_pace(finder.pace * 2 < SLOWEST ? finder.pace * 2 : SLOWEST);
    }
    sp_threads_leave();
}

void sp_finder_help(void) {
    if (!atomic_load_explicit(&wants_help, memory_order_relaxed)) return;
    if (atomic_fetch_add_explicit(&helping, 1, memory_order_relaxed) % LIST_EVERY == 0) sp_finder_on_tick();
}
