/* profiler.h: the one profiler of the process, shared by the files of core.
 *
 *   plan (one word) · gate (threshold, filter) · live table · stack table · code table · counters
 *
 * Memory:  static; the tables map what they need.
 * Threads: each member states its rule.
 * Signals: the guard keeps a handler that interrupted the engine away from everything here except the pending list.
 */
#ifndef SP_PROFILER_H
#define SP_PROFILER_H

#include "code_table.h"
#include "live_table.h"
#include "pending.h"
#include "sampler.h"
#include "spprof.h"
#include "stack_table.h"

/* Patch objects that were loaded since the last call. Called inside the guard. */
typedef void sp_object_follower(void);

/* Set the function that is called when a thread expects new objects. */
void sp_profiler_follow_objects(sp_object_follower *follower);

/* Set a function that is called at least once before the first start or probe. If either has already happened, it is
 * called immediately. */
typedef void sp_waker(void);
void sp_profiler_call_when_used(sp_waker *waker);

/* Report that a start or a probe is about to happen. */
void sp_profiler_use(void);

/* Set the function that is called at the end of each start, also one that failed, and of each stop and shutdown. It
 * runs under the lifecycle lock and inside the guard. */
typedef void sp_lifecycle_listener(bool is_active);
void sp_profiler_listen(sp_lifecycle_listener *listener);

/* Call `change` as a listener is called, so that it runs alone. */
void sp_profiler_call_alone(void (*change)(void));

/* Handle one of the slow calls in which this thread expects new objects. */
void sp_profiler_meet_expected(spprof_thread *self);

/* Return whether the native hooks make sample decisions. */
bool sp_profiler_counts_native(void);

typedef struct sp_counters {
    _Atomic uint64_t total_samples, freed_samples;
    _Atomic uint64_t live_bytes, live_objects; /* in fixed point; see spprof/reading.h */
    _Atomic uint64_t missed_frees, last_serial;
    _Atomic uint64_t sampled_stacks, marked_codes;
    _Atomic uint64_t thinned_samples, lost_bytes;
    _Atomic uint32_t thinned_rate, thinnings; /* written under the `thinning` lock */
    _Atomic uint32_t longest_rate;            /* maximum over all plans so far */
    _Atomic uint64_t dropped[SPPROF_DROP_REASON_COUNT];
} sp_counters;

#define SP_BIRTH_PROCESSES 64

typedef struct sp_profiler {
    _Atomic uint64_t plan;                     /* sp_plan_pack; written under `lifecycle`; the budget also writes its
                                                * rate */
    _Atomic(spprof_walker *) walker;           /* NULL: no interpreter, stacks are empty */
    _Atomic(spprof_tick_walker *) tick_walker; /* for an interrupted thread; may also be NULL */
    _Atomic(sp_object_follower *) follower;    /* NULL: nothing is patched or needs patching */
    _Atomic(sp_waker *) waker;                 /* NULL: nothing sleeps */
    _Atomic(sp_lifecycle_listener *) listener; /* NULL: nothing depends on starts and stops */
    _Atomic(spprof_refusal *) refusal;         /* NULL: no function has been set */
    _Atomic bool used;                         /* has been started or probed */
    _Atomic bool native;                       /* the native hooks make sample decisions */
    _Atomic bool shut_down;
    _Atomic bool broken; /* an invariant was violated: sampling has ended */
    sp_lock lifecycle;   /* start, stop, shutdown */
    bool created;        /* protected by `lifecycle` */
    sp_lock thinning;    /* held while the live table is thinned */
    sp_live_table live;
    sp_stack_table stacks;
    sp_code_table codes;
    sp_pending pending;
    sp_counters counters;
    spprof_process birth_processes[SP_BIRTH_PROCESSES]; /* by birth; written by the first start and in children */
    _Atomic uint64_t forked_serial;                     /* as in spprof_stats; written by the thread that forks */
} sp_profiler;

extern sp_profiler sp_the_profiler;

/* Create the tables that all samples go to; calling it again does no harm. Return false if there is no memory. */
bool sp_profiler_create(void);

static inline sp_plan sp_profiler_plan(void) {
    return sp_plan_unpack(atomic_load_explicit(&sp_the_profiler.plan, memory_order_acquire));
}

/* The guard: while it is up, hooks on this thread pass every call through. A handler on this thread sees it
 * immediately. */
static inline void sp_guard_enter(spprof_thread *self) {
    self->guard++;
    atomic_signal_fence(memory_order_seq_cst);
}

static inline void sp_guard_leave(spprof_thread *self) {
    atomic_signal_fence(memory_order_seq_cst);
    self->guard--;
}

/* Account for a sample that enters or leaves the live table. When it is freed, its stack is released. */
void sp_counters_add_live(spprof_weight weight);
void sp_counters_take_back(spprof_weight weight);
void sp_counters_reach_peak(void);
/* Record that a stack got its first sample (1) or lost its only one (−1). */
void sp_counters_add_stack(int sign);
void sp_counters_add_freed(const spprof_sample *sample);
/* Make a live sample stand for `after` instead of `before`. If `after` is NULL, the sample was thinned out and
 * counts as freed. */
void sp_counters_reweigh(spprof_weight before, const spprof_weight *after);
/* Count a sample that did not fit: from now on, what it stands for is missing. */
void sp_counters_add_lost(spprof_weight weight);

/* Repair the counters in a forked child, after the live table was repaired. A thread of the parent may have been
 * between counting and inserting. The table is authoritative: samples that it does not list count as freed. */
void sp_counters_repair_after_fork(void);

#endif
