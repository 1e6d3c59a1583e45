/* profiler.h: the one profiler of the process, as the files of core share it.
 *
 *   plan (one word) · gate (threshold, filter) · live table · stack table · code table · counters
 *
 * Memory:  static; the tables map what they need.
 * Threads: each member names its rule.
 * Signals: the guard keeps a handler that interrupted the engine out of everything here but the pending list.
 */
#ifndef SP_PROFILER_H
#define SP_PROFILER_H

#include "code_table.h"
#include "live_table.h"
#include "pending.h"
#include "sampler.h"
#include "spprof.h"
#include "stack_table.h"

/* Patches objects that were loaded since; called inside the guard. */
typedef void sp_object_follower(void);

/* `follower` is called when a thread expects new objects. */
void sp_profiler_follow_objects(sp_object_follower *follower);

/* `waker` is called before the first start or probe, once or more; at once, if either has been. */
typedef void sp_waker(void);
void sp_profiler_call_when_used(sp_waker *waker);

/* A start or a probe comes. */
void sp_profiler_use(void);

/* One of the slow calls at which this thread expects new objects. */
void sp_profiler_meet_expected(spprof_thread *self);

/* Whether the native hooks decide about samples. */
bool sp_profiler_counts_native(void);

typedef struct sp_counters {
    _Atomic uint64_t total_samples, freed_samples;
    _Atomic uint64_t live_bytes, live_objects; /* fixed point, see spprof/reading.h */
    _Atomic uint64_t missed_frees, last_serial;
    _Atomic uint64_t sampled_stacks, marked_codes;
    _Atomic uint64_t thinned_samples, lost_bytes;
    _Atomic uint32_t thinned_rate, thinnings; /* written under `thinning` */
    _Atomic uint32_t longest_rate;            /* of all plans so far */
    _Atomic uint64_t dropped[SPPROF_DROP_REASON_COUNT];
} sp_counters;

#define SP_BIRTH_PROCESSES 64

typedef struct sp_profiler {
    _Atomic uint64_t plan;                     /* sp_plan_pack; written under lifecycle, its rate by the budget, too */
    _Atomic(spprof_walker *) walker;           /* NULL: no interpreter, stacks are empty */
    _Atomic(spprof_tick_walker *) tick_walker; /* the same where a signal interrupted */
    _Atomic(sp_object_follower *) follower;    /* NULL: nothing is patched, or nothing has to be */
    _Atomic(sp_waker *) waker;                 /* NULL: nothing sleeps */
    _Atomic(spprof_refusal *) refusal;         /* NULL: nobody asks */
    _Atomic bool used;                         /* was started or probed */
    _Atomic bool native;                       /* whether the native hooks decide about samples */
    _Atomic bool shut_down;
    _Atomic bool broken; /* an invariant did not hold: nothing is sampled any more */
    sp_lock lifecycle;   /* start, stop, shutdown */
    bool created;        /* under lifecycle */
    sp_lock thinning;    /* of the live table */
    sp_live_table live;
    sp_stack_table stacks;
    sp_code_table codes;
    sp_pending pending;
    sp_counters counters;
    spprof_process birth_processes[SP_BIRTH_PROCESSES]; /* by birth; written by the first start and in children */
    _Atomic uint64_t forked_serial;                     /* spprof_stats; written by the thread that forks */
} sp_profiler;

extern sp_profiler sp_the_profiler;

/* Makes the tables that all samples go to; again does no harm. False: no memory. */
bool sp_profiler_create(void);

static inline sp_plan sp_profiler_plan(void) {
    return sp_plan_unpack(atomic_load_explicit(&sp_the_profiler.plan, memory_order_acquire));
}

/* The guard: while it is up, hooks on this thread pass through. A handler on this thread sees it at once. */
static inline void sp_guard_enter(spprof_thread *self) {
    self->guard++;
    atomic_signal_fence(memory_order_seq_cst);
}

static inline void sp_guard_leave(spprof_thread *self) {
    atomic_signal_fence(memory_order_seq_cst);
    self->guard--;
}

/* Accounts for a sample that enters or leaves the live table. Its stack is released when it is freed. */
void sp_counters_add_live(spprof_weight weight);
void sp_counters_take_back(spprof_weight weight);
void sp_counters_reach_peak(void);
/* A stack has got its first sample (1), or lost its only one (−1). */
void sp_counters_add_stack(int sign);
void sp_counters_add_freed(const spprof_sample *sample);
/* A live sample stands for `after` instead of `before`; NULL: it was thinned out, and counts as freed. */
void sp_counters_reweigh(spprof_weight before, const spprof_weight *after);
/* A sample found no room, and what it stands for is missing from now on. */
void sp_counters_add_lost(spprof_weight weight);

/* In a forked child, after the live table was repaired: a thread of the parent may have been between counting and
 * inserting. The table is what holds; what it does not list counts as freed. */
void sp_counters_repair_after_fork(void);

#endif
