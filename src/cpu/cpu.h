/* cpu.h: the one CPU profiler of the process, as the files of this room share it.
 *
 *   session (one word: who is active) · at_work (handlers that run now) · plan · counters · threads.h · log.h
 *
 * Memory:  static; the tables map what they need.
 * Threads: each member names its rule.
 * Signals: a handler belongs to a session; one that comes late finds another, or none, and does nothing.
 */
#ifndef SP_CPU_H
#define SP_CPU_H

#include "lock.h"
#include "spprof.h"
#include "tick.h"

#include <stdatomic.h>

typedef struct sp_cpu {
    _Atomic uint32_t session; /* 0: none is active */
    _Atomic uint32_t at_work; /* handlers between their first and their last look at a session */
    sp_lock lifecycle;        /* start and stop */

    /* Written before the session is, read by its handlers. */
    spprof_cpu_plan plan;
    bool by_thread;
    uint64_t start_ns, start_process_ns;
    uint32_t process_id;
    int finder; /* the timer of the process; SP_TICK_NONE: none */

    /* Whether its ticks are samples of young threads: the kernel chooses the thread that runs, and no thread is kept
     * from them. Written by who has entered the table of threads. */
    _Atomic bool estimates;

    /* Under lifecycle. */
    uint32_t sessions;
    uint64_t end_ns, end_process_ns;
    bool displaced; /* when it ended */

    _Atomic bool gave_up; /* no stack is taken any more, see SPPROF_CPU_HOPELESS_TORN */
    _Atomic uint64_t samples, weight_ns, handler_ns;
    _Atomic uint64_t estimated_ns; /* of weight_ns, what is an estimate */
    _Atomic uint64_t dropped[SPPROF_CPU_DROP_REASON_COUNT];
} sp_cpu;

extern sp_cpu sp_the_cpu;

void sp_cpu_count_drop(spprof_cpu_drop_reason reason);
/* One that is in the log. */
void sp_cpu_count_sample(const spprof_cpu_sample *sample);

/* An sp_tick_handler. */
void sp_cpu_on_tick(uint64_t cookie, const sp_interrupted *interrupted);

/* The process's timer for finding threads begins, with the quick pace of a session's start. */
bool sp_finder_begin(void);
/* What a tick of the process's timer is to the thread that it came to: a sample with this weight, or nothing. */
typedef struct sp_finding {
    struct sp_thread_slot *slot; /* NULL: nothing */
    uint64_t weight_ns;
} sp_finding;

/* Its signal came, while the thread's clock, or in wall mode the monotonic one, showed `own_ns`. `has_woken`: the
 * thread was asleep, the one that ran could not be signalled. */
sp_finding sp_finder_on_tick(uint64_t own_ns, bool has_woken);
/* A finding gave no sample: the next one weighs more. */
void sp_finder_give_back(uint64_t weight_ns);
/* The table of threads has been changed by who has entered it: the timer's signals go where they do no harm. */
void sp_finder_aim(void);
/* A thread's own tick came. */
void sp_finder_help(uint64_t own_ns);

/* Ticks keep away from threads whose stacks have no room for them, from now on. */
void sp_signal_stacks_watch(void);
/* In a handler on the thread's own stack. True: that is too small, the sample is not to be taken, and its ticks end. */
bool sp_cpu_leaves_out_self(void);

/* The thread that sends signals where the kernel grants no timers. False: none can be started. */
bool sp_sender_begin(void);
void sp_sender_end(void);

#endif
