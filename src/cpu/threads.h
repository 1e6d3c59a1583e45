/* threads.h: the sampled threads: which ones are known, their timers, and how far samples cover their clocks.
 *
 *   slots:   [ thread id | timer | covered_ns | samples | name ] …        a timer's cookie holds its slot's number
 *   buckets: thread id ──► slot ──► slot
 *   live:    the numbers of the slots that have a thread
 *
 * A thread that was born in the session is young until it has used some CPU time. It has no timer of its own; the
 * process's timer samples it. Its covered_ns is the time that these samples stand for, which is an estimate. The first
 * sample from its own timer corrects the error.
 *
 * Memory:  three mappings of cpu_threads_max entries, resident where touched.
 * Threads: only a thread that has entered the table changes it; no thread waits in a handler. A slot's clock and count
 *          belong to its thread.
 * Signals: all functions except sp_threads_begin and sp_threads_wait are safe.
 * Full:    slots of ended threads are reused, those without samples first; if none is left, the new thread is not
 *          sampled, and the drop is counted.
 */
#ifndef SP_THREADS_H
#define SP_THREADS_H

#include "spprof.h"
#include "tasks.h"

#include <stdatomic.h>

typedef struct sp_thread_slot {
    _Atomic uint32_t thread_id; /* 0: never used */
    uint32_t next;              /* next slot in its bucket, or among the spent slots; + 1, 0 = the last */
    uint32_t seen;              /* the listing in which it was last seen */
    uint32_t place;             /* index in `live` */
    int timer;
    _Atomic bool ended;
    _Atomic bool pending;        /* a signal was sent to the thread and has not arrived yet */
    bool unfit;                  /* a tick does not fit on its stack, or cannot reach it: it gets no ticks */
    bool young;                  /* written by the thread that has entered the table */
    bool blocked;                /* it blocked our signal when the session ended */
    uint64_t uncovered_ns;       /* how far its clock was beyond covered_ns when the session ended */
    _Atomic uint64_t covered_ns; /* how far samples cover its clock */
    _Atomic uint64_t samples;
    char name[SP_TASK_NAME_SIZE];
} sp_thread_slot;

/* The settings that apply to new slots. */
typedef struct sp_threads_plan {
    uint32_t session;
    uint64_t interval_ns;
    bool wall;
    bool has_timers; /* false: signals are sent by a thread instead */
} sp_threads_plan;

/* Create an empty table and enter it. Call this only while no session is active, or in a forked child. Return false
 * if there is no memory. */
bool sp_threads_begin(const sp_threads_plan *plan);

/* Enter the table. Return false if another thread is in it. */
bool sp_threads_try(void);
/* Enter the table, waiting until no other thread is in it. Not in a handler. */
void sp_threads_wait(void);
void sp_threads_leave(void);

uint64_t sp_threads_cookie(uint32_t session, uint32_t number);

/* ---- For the thread that has entered the table ---- */

/* Give an unknown thread a slot and, unless it is young, a timer. Its samples will cover its clock from `covered_ns`
 * on. If this fails, count the drop and return false. */
bool sp_threads_add(uint32_t thread_id, uint64_t covered_ns, bool young);

/* End the calling thread's ticks and count the reason, or let its ticks begin again. Called when the room on its
 * signal stack has changed. */
void sp_threads_leave_out_self(uint64_t covered_ns, spprof_cpu_drop_reason reason);
void sp_threads_take_in_self(uint64_t covered_ns);

/* sp_threads_any_unfit returns whether any live thread is exempt from ticks. sp_threads_fit_one returns a thread
 * that may get one, preferably the program's first; 0 if there is none. */
bool sp_threads_any_unfit(void);
uint32_t sp_threads_fit_one(void);

/* Add the calling thread, which has no record of a timer in this session. Give it one, or only a slot if it is
 * `young`. */
void sp_threads_add_self(uint64_t covered_ns, bool young);

/* Return how much CPU time a thread must have used since the session's start to be no longer young; 0 if the
 * process's ticks are not samples. */
uint64_t sp_threads_grown_up_ns(void);

/* Give its own timer to a thread that is no longer young. */
void sp_threads_grow_up(sp_thread_slot *slot);

/* Return the calling thread's slot; NULL if the thread is unknown. */
sp_thread_slot *sp_threads_self(void);

/* Return a lower bound for what a thread's clock showed when the process's clock showed `start_process_ns`, given
 * that the thread's clock has just shown `own_ns`. Return 0 if the thread may have been born since then. (The
 * process's clock is read after the thread's, which continues in the meantime.) */
uint64_t sp_threads_clock_at_start(uint64_t own_ns, uint64_t start_process_ns);

/* List the process's threads. New threads are added, and samples will cover their clocks from `start_process_ns` on
 * (UINT64_MAX: from what their clocks show now). Ended threads give up their timers. Return false if nothing has
 * changed. */
bool sp_threads_list(uint64_t start_process_ns);

/* Return the number of live threads. */
uint32_t sp_threads_live(void);
sp_thread_slot *sp_threads_live_at(uint32_t place);

/* Take all timers back, and record what the clocks of live threads show. Called when the session has ended. */
void sp_threads_end_all(void);

/* Return how far the thread's clock is beyond the time that samples cover. */
uint64_t sp_threads_uncovered_ns(const sp_thread_slot *slot);

/* ---- For the slot's thread, in a handler ---- */

/* Return how far the thread's clock, which shows `now_ns`, has advanced since its last sample. */
uint64_t sp_threads_cover(sp_thread_slot *slot, uint64_t now_ns);
/* Count another `weight_ns` of the thread's clock as covered by a sample. */
void sp_threads_cover_more(sp_thread_slot *slot, uint64_t weight_ns);
/* Return false if the thread's samples stand for more time than it has used so far. */
bool sp_threads_is_beyond_estimates(const sp_thread_slot *slot, uint64_t now_ns);

/* ---- For any thread ---- */

/* Return the slot with this number; NULL if there is none. */
sp_thread_slot *sp_threads_slot(uint32_t number);
/* Return how many slots have been used so far. They are numbered from 0. */
uint32_t sp_threads_used(void);
/* Return how many threads have been seen. */
uint32_t sp_threads_met(void);

#endif
