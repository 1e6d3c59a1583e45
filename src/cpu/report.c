/* report.c: provides what a session recorded to the code that exports it. */
#include "clock.h"
#include "cpu.h"
#include "log.h"
#include "profiler.h"
#include "testing.h"
#include "threads.h"

#include <errno.h>
#include <string.h>

static sp_cpu *const cpu = &sp_the_cpu;

/* ---- Samples ---- */

static uint64_t process_ns(void) {
    return (spprof_cpu_is_active() ? sp_clock_process_cpu_ns() : cpu->end_process_ns) - cpu->start_process_ns;
}

static bool is_blocked(const sp_thread_slot *slot) {
    return spprof_cpu_is_active() ? sp_task_blocks(atomic_load(&slot->thread_id), sp_tick_signal()) : slot->blocked;
}

/* The time of young threads is estimated as a whole, except for one that blocks the signal. */
static uint64_t uncovered_ns(const sp_thread_slot *slot) {
    if (atomic_load(&slot->ended) || (slot->young && !is_blocked(slot))) return 0;
    return spprof_cpu_is_active() ? sp_threads_uncovered_ns(slot) : slot->uncovered_ns;
}

static uint64_t all_uncovered_ns(void) {
    uint64_t sum = 0;
    spprof_pause();
    sp_threads_wait();
    for (uint32_t place = 0; place < sp_threads_live(); place++) sum += uncovered_ns(sp_threads_live_at(place));
    sp_threads_leave();
    spprof_resume();
    return sum;
}

/* The estimates may add up to more than the actual time. Return how much to subtract so that the total equals the
 * process's time. */
static uint64_t excess_ns(void) {
    uint64_t estimated_ns = atomic_load(&cpu->estimated_ns);
    if (cpu->plan.wall || estimated_ns == 0) return 0;
    uint64_t told_ns = atomic_load(&cpu->weight_ns) + all_uncovered_ns(), whole_ns = process_ns();
    if (told_ns <= whole_ns) return 0;
    return told_ns - whole_ns < estimated_ns ? told_ns - whole_ns : estimated_ns;
}

/* Return the fraction of each estimate that counts. */
static double part_that_counts(void) {
    uint64_t excess = excess_ns();
    return excess == 0 ? 1 : 1 - (double)excess / (double)atomic_load(&cpu->estimated_ns);
}

size_t spprof_cpu_copy(spprof_cpu_sample *out, size_t capacity) {
    if (cpu->sessions == 0) return 0;
    size_t count = sp_log_copy(out, capacity);
    double part = capacity > 0 ? part_that_counts() : 1;
    for (size_t i = 0; i < count && i < capacity; i++) {
        if (!(out[i].thread_id & SP_LOG_ESTIMATED)) continue;
        out[i].thread_id &= ~SP_LOG_ESTIMATED;
        out[i].weight_ns = (uint64_t)((double)out[i].weight_ns * part);
    }
    return count;
}

/* ---- Counters ---- */

void spprof_cpu_get_stats(spprof_cpu_stats *stats) {
    bool active = spprof_cpu_is_active();
    *stats = (spprof_cpu_stats){.plan = cpu->plan,
                                .sessions = cpu->sessions,
                                .active = active,
                                .displaced = active ? !sp_tick_is_installed() : cpu->displaced,
                                .gave_up = atomic_load(&cpu->gave_up),
                                .by_thread = cpu->by_thread,
                                .threads = sp_threads_met(),
                                .samples = atomic_load(&cpu->samples),
                                .weight_ns = atomic_load(&cpu->weight_ns) - excess_ns(),
                                .start_ns = cpu->start_ns,
                                .end_ns = active ? sp_clock_monotonic_ns() : cpu->end_ns,
                                .handler_ns = atomic_load(&cpu->handler_ns)};
    stats->process_ns = process_ns();
    for (int i = 0; i < SPPROF_CPU_DROP_REASON_COUNT; i++) stats->dropped[i] = atomic_load(&cpu->dropped[i]);
    if (cpu->sessions == 0) stats->process_ns = 0;
}

/* ---- Threads ---- */

static void describe(const sp_thread_slot *slot, spprof_cpu_thread *thread) {
    uint32_t thread_id = atomic_load_explicit(&slot->thread_id, memory_order_acquire);
    *thread = (spprof_cpu_thread){.thread_id = thread_id, .samples = atomic_load(&slot->samples)};
    memcpy(thread->name, slot->name, sizeof thread->name);
    thread->uncovered_ns = uncovered_ns(slot);
    if (atomic_load(&slot->ended)) return;
    thread->blocked = is_blocked(slot);
}

static bool is_kept(sp_thread_slot *slot) {
    return atomic_load(&slot->thread_id) != 0 && (!atomic_load(&slot->ended) || atomic_load(&slot->samples) > 0);
}

static size_t copy_threads(spprof_cpu_thread *out, size_t capacity) {
    size_t count = 0;
    for (uint32_t number = 0; number < sp_threads_used(); number++) {
        sp_thread_slot *slot = sp_threads_slot(number);
        if (!is_kept(slot)) continue;
        if (count < capacity) describe(slot, &out[count]);
        count++;
    }
    return count;
}

size_t spprof_cpu_threads(spprof_cpu_thread *out, size_t capacity) {
    if (cpu->sessions == 0) return 0;
    spprof_pause();
    sp_threads_wait();
    size_t count = copy_threads(out, capacity);
    sp_threads_leave();
    spprof_resume();
    return count;
}

bool spprof_cpu_tick_of(uint32_t thread_id, int *signal_number, uint64_t *cookie) {
    uint32_t session = atomic_load(&cpu->session);
    bool found = false;
    if (session == 0) return false;
    sp_threads_wait();
    for (uint32_t place = 0; place < sp_threads_live() && !found; place++) {
        sp_thread_slot *slot = sp_threads_live_at(place);
        if (atomic_load(&slot->thread_id) != thread_id) continue;
        *cookie = sp_threads_cookie(session, (uint32_t)(slot - sp_threads_slot(0)));
        *signal_number = sp_tick_signal();
        found = true;
    }
    sp_threads_leave();
    return found;
}
