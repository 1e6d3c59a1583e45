/* stack_sums.h: what was sampled at one stack: in total, live, and live when the heap was at its peak.
 *
 *   peaks:  [ bytes | number ]  one for each window; `number` grows with each new maximum
 *   sums:   [ allocated | live | at_peak, number | at_peak, number ]
 *
 *   before `live` changes, where `number` is behind the window's:  at_peak = live, number = the window's
 *   reading, where `number` is behind:                             nothing has changed since the peak: it is `live`
 *
 * So the cost of a new maximum does not depend on the number of stacks, and each stack knows its share of it.
 *
 * Memory:  none. 64 locks; the address of the sums selects one.
 * Threads: any. A change is made under the lock of its sums. It is a matter of chance whether a peak includes the
 *          samples that other threads are currently adding: at most one sample per thread.
 * Signals: changes are made inside the guard, so that no handler waits for a lock that its own thread holds. A handler
 *          itself may only use functions that try the lock.
 * Fork:    sp_stack_sums_repair_after_fork completes sums that another thread had half written.
 */
#ifndef SP_STACK_SUMS_H
#define SP_STACK_SUMS_H

#include "lock.h"
#include "spprof.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct sp_peak {
    _Atomic uint64_t bytes;  /* the highest live_bytes, in the fixed-point unit of spprof/reading.h */
    _Atomic uint64_t number; /* relaxed stores would suffice: a thread that sees an old one has a sample in flight */
} sp_peak;

extern sp_peak sp_the_peaks[SPPROF_PEAKS];

/* Record that the heap has grown to this many bytes. */
void sp_peaks_reach(uint64_t live_bytes);

/* Restart the window's peak with what is live. */
void sp_peak_reset(unsigned window, uint64_t live_bytes);

typedef struct sp_stack_sums {
    spprof_sums allocated, live, at_peak[SPPROF_PEAKS];
    uint64_t number[SPPROF_PEAKS]; /* number of the peak that at_peak belongs to */
} sp_stack_sums;

/* Add a sample. Return true if it is the first one. */
bool sp_stack_sums_add(sp_stack_sums *sums, const spprof_weight *weight);
/* Undo an sp_stack_sums_add whose sample could not be kept. Return true if no sample is left. */
bool sp_stack_sums_take_back(sp_stack_sums *sums, const spprof_weight *weight);
void sp_stack_sums_free(sp_stack_sums *sums, const spprof_weight *weight);
/* Make a live sample stand for `after` instead of `before`. If `after` is NULL, the sample was thinned out and
 * counts as freed. */
void sp_stack_sums_reweigh(sp_stack_sums *sums, const spprof_weight *before, const spprof_weight *after);

/* Return a complete and consistent copy, with `at_peak` for the windows' current peaks and without rounding errors
 * from freed samples. */
sp_stack_sums sp_stack_sums_read(sp_stack_sums *sums);

/* ---- For the evictor. The sums that leave contain no live sample, and no thread adds any ---- */

/* Return a bit set: bit n means that the peak of window n needs the sums. Return SP_SUMS_BUSY if another thread is
 * using them. */
#define SP_SUMS_BUSY (UINT32_C(1) << 31)
uint32_t sp_stack_sums_needed(sp_stack_sums *sums);

/* Compute the new value of `to` with the leaving sums added; return false if another thread is using `to`. The
 * result can be written repeatedly, until sp_stack_sums_end_fold. */
bool sp_stack_sums_begin_fold(sp_stack_sums *to, sp_stack_sums *leaving, sp_stack_sums *after);
void sp_stack_sums_end_fold(sp_stack_sums *to, const sp_stack_sums *after);

/* ---- Fork ---- */

/* The new value of sums that are being changed is written here first, so that a child forked in the meantime can
 * complete the change. */
typedef struct sp_sums_lock {
    _Alignas(64) sp_lock lock;
    _Atomic bool writing;
    sp_stack_sums *sums;
    spprof_sums allocated, live;
} sp_sums_lock;

sp_sums_lock *sp_stack_sums_lock(const sp_stack_sums *sums);

void sp_stack_sums_repair_after_fork(void);

#endif
