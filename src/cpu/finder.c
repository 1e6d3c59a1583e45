/* finder.c: finds threads that a session does not know yet, and those that have ended. It also samples young threads.
 *
 *   CPU time of the process ──► its timer ──► signal on the running thread ───┬─ it is new or young: a sample
 *                                                                             ├─ it has grown up: it gets a timer
 *                                                                             └─ now and then: the list of threads
 *
 * The timer expires at random points of the process's CPU time, on average one per interval. A point that falls to a
 * young thread stands for one interval of the young threads' time (docs/sampling.md derives this). So threads that end
 * before their own timer would expire are sampled as well. While nothing changes, points are farther apart, and each
 * stands for more time.
 *
 * Before Linux 6.4 the signal goes to the program's first thread, unless that thread blocks it. In wall mode the time
 * is not the process's CPU time. In both cases the timer is periodic, no thread is young, and a thread's first sample
 * covers everything since its birth.
 *
 * If the chosen thread blocks the signal, for instance because it is in the handler of its own tick, the kernel passes
 * the signal to another thread, which may be asleep. Such an interruption is not a sample.
 *
 * The kernel may choose a thread whose stack has no room for a signal. While there is such a thread, all signals go to
 * one other thread, and the ticks of all other threads check the list as well.
 */
#include "clock.h"
#include "cpu.h"
#include "entropy.h"
#include "tasks.h"
#include "thread.h"
#include "threads.h"

#include <math.h>

#define SLOWEST 16   /* in intervals */
#define LIST_EVERY 8 /* ticks without a change in the number of threads */

static struct {
    uint64_t pace; /* in intervals */
    uint32_t quiet_ticks;
    uint32_t calm, patience; /* consecutive quiet ticks so far, and how many are needed to slow down */
    uint32_t target;         /* the thread that gets the signals; or ANY, NOBODY */
    uint64_t next_point_ns;  /* on the process's clock */
    uint64_t mean_ns;        /* the mean distance with which next_point_ns was drawn */
    uint64_t pool_ns;        /* time of the points that have passed but not been assigned to a tick yet */
    uint64_t pool_points;
    uint64_t random;
} finder; /* accessed only by the thread that has entered the table of threads */

#define ANY 0
#define NOBODY UINT32_MAX

static _Atomic bool wants_help; /* the finder's own signals may be insufficient */
static _Atomic uint32_t helping;
static _Atomic uint64_t given_back_ns;

/* ---- Points ---- */

static bool estimates(void) {
    return atomic_load_explicit(&sp_the_cpu.estimates, memory_order_relaxed);
}

static uint64_t next_random(void) {
    finder.random ^= finder.random << 13;
    finder.random ^= finder.random >> 7;
    finder.random ^= finder.random << 17;
    return finder.random;
}

/* The distance is exponential: the future does not depend on the past, so it may be redrawn at any time. */
static uint64_t next_distance_ns(void) {
    return (uint64_t)(-log((double)((next_random() >> 11) + 1) * 0x1p-53) * (double)finder.mean_ns);
}

/* If points are waiting, expire at the kernel's next tick. The period takes care of a tick that finds another thread
 * in the table. */
static void arm(uint64_t now_ns) {
    uint64_t first_ns = finder.pool_points > 0 ? 1 : finder.next_point_ns - now_ns + 1;
    sp_tick_arm(sp_the_cpu.finder, first_ns, finder.mean_ns);
}

static void draw_points(uint64_t mean_ns) {
    uint64_t now_ns = sp_clock_process_timers_ns();
    finder.mean_ns = mean_ns;
    finder.next_point_ns = now_ns + next_distance_ns();
    arm(now_ns);
}

/* If no thread could be signalled for a long time, adding the points one by one would take too long. In that case,
 * add their expected number. */
#define POINTS_MAX 1000

/* Add the points since the last tick. */
static void pass_points(uint64_t now_ns) {
    if (finder.next_point_ns + POINTS_MAX * finder.mean_ns <= now_ns) {
        finder.pool_ns += now_ns - finder.next_point_ns;
        finder.pool_points += (now_ns - finder.next_point_ns) / finder.mean_ns;
        finder.next_point_ns = now_ns + next_distance_ns();
    }
    for (; finder.next_point_ns <= now_ns; finder.pool_points++) {
        finder.next_point_ns += next_distance_ns();
        finder.pool_ns += finder.mean_ns;
    }
}

#define WAIT_TICKS 4 /* how many ticks a point waits on average */

static uint64_t take_from_pool_ns(uint64_t points) {
    uint64_t taken_ns = points == 0 ? 0 : finder.pool_ns / finder.pool_points * points;
    finder.pool_points -= points;
    finder.pool_ns -= taken_ns;
    return taken_ns;
}

static uint64_t draw_from_pool_ns(void) {
    uint64_t points = 0;
    for (uint64_t i = 0; i < finder.pool_points; i++) points += next_random() >> 32 < (UINT64_C(1) << 32) / WAIT_TICKS;
    return take_from_pool_ns(points);
}

/* Return the time this tick stands for. It counts only points that have waited since an earlier tick. The reason:
 * the number of points since the kernel's last tick depends on how long the thread had been running, and so on what
 * it was doing. If they counted for this tick, the end of a thread's work would weigh more than its beginning. If
 * hardly any thread is young, this does not matter, and one signal per point suffices. */
static uint64_t take_due_ns(void) {
    uint64_t now_ns = sp_clock_process_timers_ns(), due_ns = draw_from_pool_ns();
    pass_points(now_ns);
    if (finder.pace >= SLOWEST) due_ns += take_from_pool_ns(finder.pool_points);
    arm(now_ns);
    return due_ns;
}

void sp_finder_give_back(uint64_t weight_ns) {
    atomic_fetch_add_explicit(&given_back_ns, weight_ns, memory_order_relaxed);
}

/* ---- The timer ---- */

static void set_pace(uint64_t pace) {
    if (pace == finder.pace) return;
    finder.pace = pace;
    if (sp_the_cpu.finder == SP_TICK_NONE) return;
    uint64_t period_ns = pace * sp_the_cpu.plan.interval_ns;
    if (estimates())
        draw_points(period_ns);
    else
        sp_tick_arm(sp_the_cpu.finder, period_ns, period_ns);
}

static void create_for(uint32_t target) {
    uint64_t cookie = (uint64_t)atomic_load(&sp_the_cpu.session) << 32;
    sp_tick_clock clock = sp_the_cpu.plan.wall ? SP_TICK_WALL : SP_TICK_CPU;
    if (sp_the_cpu.finder != SP_TICK_NONE) sp_tick_delete(sp_the_cpu.finder);
    sp_the_cpu.finder = target == NOBODY ? SP_TICK_NONE : sp_tick_create_for_process(clock, target, cookie);
    finder.target = target;
    finder.pace = finder.pool_ns = finder.pool_points = 0;
    finder.calm = finder.patience = 0;
    bool proportional = !sp_the_cpu.plan.wall && target == ANY && sp_tick_comes_to_running_thread();
    atomic_store(&sp_the_cpu.estimates, proportional && sp_the_cpu.finder != SP_TICK_NONE);
    finder.random = sp_entropy_word() | 1;
    atomic_store(&given_back_ns, 0);
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

/* ---- Ticks ---- */

static bool is_list_due(void) {
    uint32_t count = sp_tasks_count();
    if (count == sp_threads_live() && ++finder.quiet_ticks % LIST_EVERY != 0) return false;
    return count != 0;
}

#define PATIENCE 8

/* Once young threads have been seen, only several consecutive quiet ticks slow the timer down. Otherwise few young
 * threads would be sampled. */
static void slow_down(void) {
    if (++finder.calm < finder.patience) return;
    finder.calm = 0;
    set_pace(finder.pace * 2 < SLOWEST ? finder.pace * 2 : SLOWEST);
    if (finder.pace >= SLOWEST) finder.patience = 0;
}

static bool list_threads(void) {
    bool changed = is_list_due() && sp_threads_list(sp_the_cpu.start_process_ns);
    if (changed)
        set_pace(1);
    else
        slow_down();
    return changed;
}

/* List the threads now and then, even if each tick finds a young thread, so that ended threads free their slots. */
static bool list_now_and_then(void) {
    finder.calm = 0;
    finder.patience = PATIENCE;
    set_pace(1);
    return ++finder.quiet_ticks % LIST_EVERY == 0 && sp_threads_list(sp_the_cpu.start_process_ns);
}

static void add_self(uint64_t own_ns) {
    bool wall = sp_the_cpu.plan.wall;
    uint64_t covered_ns = wall ? own_ns : sp_threads_clock_at_start(own_ns, sp_the_cpu.start_process_ns);
    sp_threads_add_self(covered_ns, own_ns < sp_threads_grown_up_ns());
}

static bool is_new(void) {
    return spprof_this_thread.cpu_session != atomic_load_explicit(&sp_the_cpu.session, memory_order_relaxed);
}

/* Return the calling thread's slot if its time is sampled by this timer. */
static sp_thread_slot *find_young(uint64_t own_ns) {
    sp_thread_slot *slot = sp_threads_self();
    if (!slot || slot->unfit || !slot->young) return NULL;
    if (own_ns < sp_threads_grown_up_ns()) return slot;
    sp_threads_grow_up(slot);
    return NULL;
}

/* Handle a tick. Called by the thread that has entered the table. */
static sp_finding find(uint64_t own_ns, bool has_woken) {
    uint64_t due_ns = estimates() ? take_due_ns() : 0;
    bool is_here = !estimates() || !has_woken, met = is_here && is_new();
    if (met) add_self(own_ns);
    sp_thread_slot *slot = is_here ? find_young(own_ns) : NULL;
    bool is_quiet_look = !estimates() || due_ns > 0;
    bool changed = slot || met ? list_now_and_then() : is_quiet_look && list_threads();
    if (changed || met) sp_finder_aim();
    if (!slot || due_ns == 0) return (sp_finding){0};
    due_ns += atomic_exchange_explicit(&given_back_ns, 0, memory_order_relaxed);
    return (sp_finding){.slot = slot, .weight_ns = due_ns};
}

sp_finding sp_finder_on_tick(uint64_t own_ns, bool has_woken) {
    sp_finding found = {0};
    if (!sp_threads_try()) return found;
    found = find(own_ns, has_woken);
    sp_threads_leave();
    return found;
}

void sp_finder_help(uint64_t own_ns) {
    if (!atomic_load_explicit(&wants_help, memory_order_relaxed)) return;
    if (atomic_fetch_add_explicit(&helping, 1, memory_order_relaxed) % LIST_EVERY != 0) return;
    sp_finder_on_tick(own_ns, false);
}
