/* signal_stacks.c: keeps ticks away from threads whose alternate signal stack has no room for them. */
#include "signal_stacks.h"

#include "clock.h"
#include "cpu.h"
#include "thread.h"
#include "thread_questions.h"
#include "threads.h"

#define PAUSES 1000 /* a second */

/* A thread that has entered the table leaves it soon, unless a handler has interrupted it there. */
static bool enter_table(void) {
    for (int i = 0; i < PAUSES; i++) {
        if (sp_threads_try()) return true;
        sp_thread_pause();
    }
    return false;
}

/* A child of vfork shares our memory, not our timers. */
static bool is_at_work(void) {
    return atomic_load(&sp_the_cpu.session) != 0 && sp_process_id() == sp_the_cpu.process_id;
}

static uint64_t clock_of_self(void) {
    return sp_the_cpu.plan.wall ? sp_clock_monotonic_ns() : sp_clock_thread_cpu_ns();
}

static bool leave(void) {
    sp_thread_questions_let_pass();
    if (!is_at_work()) return true;
    if (!enter_table()) return false;
    sp_threads_leave_out_self(clock_of_self(), SPPROF_CPU_DROP_SMALL_SIGNAL_STACK);
    sp_finder_aim();
    sp_threads_leave();
    return true;
}

static void come_back(void) {
    if (!is_at_work() || !enter_table()) return;
    sp_threads_take_in_self(clock_of_self());
    sp_finder_aim();
    sp_threads_leave();
}

bool sp_cpu_leaves_out_self(void) {
    if (!sp_signal_stacks_is_thread_small(sp_thread_kernel_id())) return false;
    if (!sp_threads_try()) return true;
    sp_threads_leave_out_self(clock_of_self(), SPPROF_CPU_DROP_SMALL_STACK);
    sp_finder_aim();
    sp_threads_leave();
    return true;
}

void sp_signal_stacks_watch(void) {
    static const sp_signal_stacks_listener listener = {.leave = leave, .come_back = come_back};
    sp_signal_stacks_follow(&listener);
}
