/* cpu.h: the one CPU profiler of the process, shared by the files of this folder.
 *
 *   session (one word: which is active) · at_work (handlers running now) · plan · counters · threads.h · log.h
 *
 * Memory:  static; the tables map what they need.
 * Threads: each member states its rule.
 * Signals: a handler belongs to a session; a late one finds another session, or none, and does nothing.
 */
#ifndef SP_CPU_H
#define SP_CPU_H

#include "lock.h"
#include "spprof.h"
#include "tick.h"

#include <stdatomic.h>

typedef struct sp_cpu {
    _Atomic uint32_t session; /* 0: none is active */
    _Atomic uint32_t at_work; /* handlers between their first and their last check of the session */
    sp_lock lifecycle;        /* held by start and stop */

    /* Written before `session`, and read by that session's handlers. */
    spprof_cpu_plan plan;
    bool by_thread;
    uint64_t start_ns, start_process_ns;
    uint32_t process_id;
    int finder; /* the process's timer; SP_TICK_NONE: none */

    /* True if the process's ticks are samples of young threads: the kernel chooses the running thread, and the ticks
     * are not kept from any thread. Written by the thread that has entered the table of threads. */
    _Atomic bool estimates;

    /* Protected by the lifecycle lock. */
    uint32_t sessions;
    uint64_t end_ns, end_process_ns;
    bool displaced; /* as it was when the session ended */

    _Atomic bool gave_up; /* stacks are not taken any more; see SPPROF_CPU_HOPELESS_TORN */
    _Atomic uint64_t samples, weight_ns, handler_ns;
    _Atomic uint64_t estimated_ns; /* the part of weight_ns that is estimated */
    _Atomic uint64_t dropped[SPPROF_CPU_DROP_REASON_COUNT];
} sp_cpu;

extern sp_cpu sp_the_cpu;

void sp_cpu_count_drop(spprof_cpu_drop_reason reason);
/* Count a sample that has been added to the log. */
void sp_cpu_count_sample(const spprof_cpu_sample *sample);

/* Handle a tick; this is the sp_tick_handler. */
void sp_cpu_on_tick(uint64_t cookie, const sp_interrupted *interrupted);

/* Start the process's timer for finding threads, with the short period used at a session's start. */
bool sp_finder_begin(void);
/* The result of a tick of the process's timer for the thread that received it: a sample with this weight, or
 * nothing. */
typedef struct sp_finding {
    struct sp_thread_slot *slot; /* NULL: nothing */
    uint64_t weight_ns;
} sp_finding;

/* Handle the timer's signal, which arrived when the thread's clock (in wall mode the monotonic clock) showed
 * `own_ns`. `has_woken`: the thread was asleep, and got the signal because the running thread could not be
 * signalled. */
sp_finding sp_finder_on_tick(uint64_t own_ns, bool has_woken);
/* Give back the weight of a finding that produced no sample: the next one weighs more. */
void sp_finder_give_back(uint64_t weight_ns);
/* Direct the timer's signals to a thread where they do no harm. Called after the thread that has entered the table
 * of threads changed it. */
void sp_finder_aim(void);
/* Handle a thread's own tick. */
void sp_finder_help(uint64_t own_ns);

/* From now on, keep ticks away from threads whose stacks have no room for them. */
void sp_signal_stacks_watch(void);
/* Call this in a handler that is running on the thread's own stack. If it returns true, the stack is too small: no
 * sample is taken, and the thread's ticks end. */
bool sp_cpu_leaves_out_self(void);

/* Start the thread that sends signals if the kernel grants no timers. Return false if the thread cannot be started. */
bool sp_sender_begin(void);
void sp_sender_end(void);

#endif
