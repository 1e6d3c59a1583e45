/* stack_sums.h: what was sampled at one stack: ever, live, and live when the heap was at its peak.
 *
 *   peaks:  [ bytes | number ]  one for each window; `number` grows with each new maximum
 *   sums:   [ allocated | live | at_peak, number | at_peak, number ]
 *
 *   before `live` changes, where `number` is behind the window's:  at_peak = live, number = the window's
 *   reading, where `number` is behind:                             nothing has changed since the peak: it is `live`
 *
 * So a new maximum costs the same however many stacks there are, and each stack knows its share of it.
 *
 * Memory:  none. 64 locks, each for the sums whose address falls to it.
 * Threads: any. A change is made under the lock of its sums; what a peak includes of the samples that other threads are
 *          just adding is a matter of chance, one sample a thread.
 * Signals: changes are made inside the guard, so that no handler finds its own thread's lock held. A handler itself may
 *          only use what tries the lock.
 * Fork:    sp_stack_sums_repair_after_fork completes what another thread had half written.
 */
#ifndef SP_STACK_SUMS_H
#define SP_STACK_SUMS_H

#include "lock.h"
#include "spprof.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct sp_peak {
    _Atomic uint64_t bytes;  /* the highest live_bytes, in the fixed point of spprof/reading.h */
    _Atomic uint64_t number; /* relaxed stores would do: a thread that sees an old one has a sample in flight */
} sp_peak;

extern sp_peak sp_the_peaks[SPPROF_PEAKS];

/* The heap has come to this many bytes. */
void sp_peaks_reach(uint64_t live_bytes);

/* The window begins anew with what is live. */
void sp_peak_reset(unsigned window, uint64_t live_bytes);

typedef struct sp_stack_sums {
    spprof_sums allocated, live, at_peak[SPPROF_PEAKS];
    uint64_t number[SPPROF_PEAKS]; /* of the peak that at_peak is of */
} sp_stack_sums;

/* True: it is the first sample. */
bool sp_stack_sums_add(sp_stack_sums *sums, const spprof_weight *weight);
/* Takes back an sp_stack_sums_add whose sample could not be kept. True: there is none now. */
bool sp_stack_sums_take_back(sp_stack_sums *sums, const spprof_weight *weight);
void sp_stack_sums_free(sp_stack_sums *sums, const spprof_weight *weight);
/* A live sample stands for `after` instead of `before`; `after` NULL: it was thinned out, and counts as freed. */
void sp_stack_sums_reweigh(sp_stack_sums *sums, const spprof_weight *before, const spprof_weight *after);

/* A whole and consistent copy, `at_peak` of the windows' present peaks, without rounding errors of what was freed. */
sp_stack_sums sp_stack_sums_read(sp_stack_sums *sums);

/* ---- For the evictor. No live sample is left in the sums that leave, and nobody adds any. ---- */

/* Bit n: the peak of window n needs them. SP_SUMS_BUSY: somebody is at them just now. */
#define SP_SUMS_BUSY (UINT32_C(1) << 31)
uint32_t sp_stack_sums_needed(sp_stack_sums *sums);

/* Prepares what `to` comes to with what leaves; false: somebody is at `to`. It can be written again and again, until
 * sp_stack_sums_end_fold. */
bool sp_stack_sums_begin_fold(sp_stack_sums *to, sp_stack_sums *leaving, sp_stack_sums *after);
void sp_stack_sums_end_fold(sp_stack_sums *to, const sp_stack_sums *after);

/* ---- Fork ---- */

/* What the sums under change come to is written down before, so that a child that is forked meanwhile can write it. */
typedef struct sp_sums_lock {
    _Alignas(64) sp_lock lock;
    _Atomic bool writing;
    sp_stack_sums *sums;
    spprof_sums allocated, live;
} sp_sums_lock;

sp_sums_lock *sp_stack_sums_lock(const sp_stack_sums *sums);

void sp_stack_sums_repair_after_fork(void);

#endif
