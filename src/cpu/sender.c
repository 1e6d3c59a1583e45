/* sender.c: the thread that replaces timers if a sandbox refuses them, and on macOS, which has none.
 *
 *   every interval, by the wall clock ──► each thread that used some CPU time since its last sample ──► the signal
 *
 * Weights are computed as usual, so totals are correct; only the sampling times follow another clock.
 *
 * Threads: one of ours, which blocks all signals and is not sampled. A forked child has no such thread, and is not
 *          sampled.
 */
#include "clock.h"
#include "cpu.h"
#include "futex.h"
#include "thread.h"
#include "threads.h"

static struct {
    sp_thread thread;
    _Atomic uint32_t ending;
    _Atomic uint32_t thread_id;
} sender;

/* A tick itself costs CPU time. If that counted, a thread that sleeps would be woken at every interval from its first
 * tick on. */
#define LEAST_PART 8 /* of an interval */

static bool has_advanced(sp_thread_slot *slot, uint32_t thread_id) {
    uint64_t now, least_ns = sp_the_cpu.plan.interval_ns / LEAST_PART;
    if (sp_the_cpu.plan.wall) return true;
    if (!sp_clock_cpu_ns_of(thread_id, &now)) return false;
    return now > atomic_load_explicit(&slot->covered_ns, memory_order_relaxed) + least_ns;
}

static void send_to(uint32_t place, uint32_t session) {
    sp_thread_slot *slot = sp_threads_live_at(place);
    uint32_t thread_id = atomic_load_explicit(&slot->thread_id, memory_order_relaxed);
    bool waits = atomic_load_explicit(&slot->pending, memory_order_relaxed);
    if (slot->unfit || waits || thread_id == atomic_load(&sender.thread_id) || !has_advanced(slot, thread_id)) return;
    atomic_store_explicit(&slot->pending, true, memory_order_relaxed);
    uint64_t cookie = sp_threads_cookie(session, (uint32_t)(slot - sp_threads_slot(0)));
    if (!sp_tick_send(thread_id, cookie)) atomic_store_explicit(&slot->pending, false, memory_order_relaxed);
}

static void send_all(void) {
    uint32_t session = atomic_load(&sp_the_cpu.session);
    sp_threads_wait();
    sp_threads_list(sp_the_cpu.start_process_ns);
    for (uint32_t place = 0; place < sp_threads_live(); place++) send_to(place, session);
    sp_threads_leave();
}

static void *run(void *unused) {
    (void)unused;
    atomic_store(&sender.thread_id, sp_thread_kernel_id());
    while (!atomic_load(&sender.ending)) {
        sp_futex_wait_for(&sender.ending, 0, sp_the_cpu.plan.interval_ns);
        if (!atomic_load(&sender.ending)) send_all();
    }
    return NULL;
}

bool sp_sender_begin(void) {
    atomic_store(&sender.ending, 0);
    atomic_store(&sender.thread_id, 0);
    spprof_pause();
    bool started = sp_thread_start(&sender.thread, run);
    spprof_resume();
    return started;
}

void sp_sender_end(void) {
    atomic_store(&sender.ending, 1);
    sp_futex_wake_one(&sender.ending);
    sp_thread_join(&sender.thread);
}
