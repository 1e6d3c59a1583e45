/* cpu.h: the one CPU profiler of the process, as shared by the files of this room.
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
    sp_lock lifecycle;        /* start and stop */

    /* Written before the session is, read by its handlers. */
    spprof_cpu_plan plan;
    bool by_thread;
    uint64_t start_ns, start_process_ns;
    uint32_t process_id;
    int finder; /* the process's timer; SP_TICK_NONE: none */

    /* True if its ticks are samples of young threads: the kernel chooses the running thread, and no thread is kept
     * from them. Written by the thread that has entered the table of threads. */
    _Atomic bool estimates;

    /* Under lifecycle. */
    uint32_t sessions;
    uint64_t end_ns, end_process_ns;
    bool displaced; /* state when it ended */

    _Atomic bool gave_up; /* stacks are not taken any more, see SPPROF_CPU_HOPELESS_TORN */
    _Atomic uint64_t samples, weight_ns, handler_ns;
    _Atomic uint64_t estimated_ns; /* the part of weight_ns that is estimated */
    _Atomic uint64_t dropped[SPPROF_CPU_DROP_REASON_COUNT];
} sp_cpu;

extern sp_cpu sp_the_cpu;

void sp_cpu_count_drop(spprof_cpu_drop_reason reason);
/* Count a sample that is in the log. */
void sp_cpu_count_sample(const spprof_cpu_sample *sample);

/* An sp_tick_handler. */
void sp_cpu_on_tick(uint64_t cookie, const sp_interrupted *interrupted);

/* Start the process's timer for finding threads, with the short period of a session's start. */
bool sp_finder_begin(void);
/* What a tick of the process's timer means to the thread that received it: a sample with this weight, or nothing. */
typedef struct sp_finding {
    struct sp_thread_slot *slot; /* NULL: nothing */
    uint64_t weight_ns;
} sp_finding;

/* Handle the timer's signal, which arrived while the thread's clock (in wall mode the monotonic clock) showed
 * `own_ns`. `has_woken`: the thread was asleep, because the running thread could not be signalled. */
sp_finding sp_finder_on_tick(uint64_t own_ns, bool has_woken);
/* Give back a finding that produced no sample: the next one weighs more. */
void sp_finder_give_back(uint64_t weight_ns);
/* Direct the timer's signals to where they do no harm, after the thread that has entered the table of threads
 * changed it. */
void sp_finder_aim(void);
/* Handle a thread's own tick. */
void sp_finder_help(uint64_t own_ns);

/* From now on, keep ticks away from threads whose stacks have no room for them. */
void sp_signal_stacks_watch(void);
/* Call in a handler on the thread's own stack. True: the stack is too small; no sample is taken, and the thread's
 * ticks end. */
bool sp_cpu_leaves_out_self(void);

/* Start the thread that sends signals where the kernel grants no timers. Return false if it cannot be started. */
bool sp_sender_begin(void);
void sp_sender_end(void);

#endif
