/* threads.h: the threads that are sampled: which are known, each one's timer, and up to where its samples cover its
 * clock.
 *
 *   slots:   [ thread id | timer | covered_ns | samples | name ] …        a timer's cookie holds its slot's number
 *   buckets: thread id ──► slot ──► slot
 *   live:    the numbers of the slots that have a thread
 *
 * A thread that was born in the session is young until it has used some CPU time. It has no timer, the process's
 * samples it. Its covered_ns is what these samples stand for, an estimate; the first sample of its own timer makes good
 * what that was off.
 *
 * Memory:  three mappings of cpu_threads_max entries, resident where touched.
 * Threads: whoever changes the table has entered it; nobody waits in a handler. A slot's clock and count are its
 *          thread's.
 * Signals: all but sp_threads_begin and sp_threads_wait is safe.
 * Full:    slots of ended threads are used again, first those without samples; with none left a thread is not sampled,
 *          and the drop is counted.
 */
#ifndef SP_THREADS_H
#define SP_THREADS_H

#include "spprof.h"
#include "tasks.h"

#include <stdatomic.h>

typedef struct sp_thread_slot {
    _Atomic uint32_t thread_id; /* 0: never used */
    uint32_t next;              /* in its bucket, or among the spent; + 1, 0 = the last */
    uint32_t seen;              /* the listing in which it was met last */
    uint32_t place;             /* in `live` */
    int timer;
    _Atomic bool ended;
    _Atomic bool pending;        /* a signal that was sent to it has not come yet */
    bool unfit;                  /* a tick does not fit its stack: it gets none */
    bool young;                  /* written by who has entered */
    bool blocked;                /* whether it blocked our signal when the session ended */
    uint64_t uncovered_ns;       /* what its clock showed beyond covered_ns then */
    _Atomic uint64_t covered_ns; /* of its clock, by samples */
    _Atomic uint64_t samples;
    char name[SP_TASK_NAME_SIZE];
} sp_thread_slot;

/* What new slots are made for. */
typedef struct sp_threads_plan {
    uint32_t session;
    uint64_t interval_ns;
    bool wall;
    bool has_timers; /* false: signals are sent */
} sp_threads_plan;

/* An empty table, entered. Only while no session is active, or in a forked child. False: no memory. */
bool sp_threads_begin(const sp_threads_plan *plan);

/* False: another is in it. */
bool sp_threads_try(void);
/* The same, until it is free. Not in a handler. */
void sp_threads_wait(void);
void sp_threads_leave(void);

uint64_t sp_threads_cookie(uint32_t session, uint32_t number);

/* ---- For who has entered ---- */

/* Gives a thread that is not known a slot and, unless it is young, a timer; its samples will cover its clock from
 * `covered_ns` on. Counts the drop where that fails, and returns false. */
bool sp_threads_add(uint32_t thread_id, uint64_t covered_ns, bool young);

/* The calling thread's ticks end, for a reason that is counted, or may begin again: what fits its signal stack has
 * changed. */
void sp_threads_leave_out_self(uint64_t covered_ns, spprof_cpu_drop_reason reason);
void sp_threads_take_in_self(uint64_t covered_ns);

/* Whether there is a live thread that must get no tick; and one that may, the first of the program rather than another,
 * 0: none. */
bool sp_threads_any_unfit(void);
uint32_t sp_threads_fit_one(void);

/* The calling thread has no timer of its own in this session, for all it knows: it gets one, or a slot without if it is
 * `young`. */
void sp_threads_add_self(uint64_t covered_ns, bool young);

/* CPU time that a thread has used, since the session's start, that is not young any more. Where the process's ticks are
 * no samples, 0. */
uint64_t sp_threads_grown_up_ns(void);

/* One that was young gets its timer. */
void sp_threads_grow_up(sp_thread_slot *slot);

/* The calling thread's; NULL: it is not known. */
sp_thread_slot *sp_threads_self(void);

/* What a thread's clock, that has just been seen to show `own_ns`, showed at most as the process's showed
 * `start_process_ns`: 0 if it was born since. (The process's is read after the thread's, which goes on meanwhile.) */
uint64_t sp_threads_clock_at_start(uint64_t own_ns, uint64_t start_process_ns);

/* Lists the process's threads: new ones are added, with the samples to cover their clock from `start_process_ns` on,
 * those that ended give their timers back. UINT64_MAX: from what their clock shows. False: nothing has changed. */
bool sp_threads_list(uint64_t start_process_ns);

/* The live ones. */
uint32_t sp_threads_live(void);
sp_thread_slot *sp_threads_live_at(uint32_t place);

/* The session has ended: takes all timers back, and writes down what the clocks of live threads show. */
void sp_threads_end_all(void);

/* What the thread's clock shows beyond what samples cover. */
uint64_t sp_threads_uncovered_ns(const sp_thread_slot *slot);

/* ---- For the slot's thread, in a handler ---- */

/* What the thread's clock, which shows `now_ns`, has advanced since its last sample. */
uint64_t sp_threads_cover(sp_thread_slot *slot, uint64_t now_ns);
/* A sample stands for so much of it. */
void sp_threads_cover_more(sp_thread_slot *slot, uint64_t weight_ns);
/* False: samples stand for more than the thread has used yet. */
bool sp_threads_is_beyond_estimates(const sp_thread_slot *slot, uint64_t now_ns);

/* ---- For anyone ---- */

/* NULL: no such slot. */
sp_thread_slot *sp_threads_slot(uint32_t number);
/* How many slots were ever used, numbered from 0. */
uint32_t sp_threads_used(void);
/* How many threads were met. */
uint32_t sp_threads_met(void);

#endif
