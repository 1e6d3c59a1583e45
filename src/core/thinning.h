/* thinning.h: when the live table is full, keeps fewer live samples, each of which stands for more.
 *
 *   rate 512 KiB  ● ● ● ● ● ● ● ●   each stays with p(size, 1 MiB) / p(size, 512 KiB), and is weighed
 *   rate   1 MiB  ●   ●   ● ●       as if it had been drawn at 1 MiB from the beginning
 *
 * So estimates stay unbiased, and confidence intervals reflect the smaller number of samples (docs/sampling.md). New
 * samples drawn at a smaller rate are thinned as they arrive, until three quarters of the table are empty again.
 *
 * Threads: any, inside the guard; one thread thins, and others that found the table full wait for it.
 * Signals: not safe.
 * Fork:    shards that were not reached keep their rate, and each sample keeps its own: nothing needs repair.
 * Full:    if samples cannot be thinned further, or do not become fewer, the table stays full.
 */
#ifndef SP_THINNING_H
#define SP_THINNING_H

#include "profiler.h"

/* This is above any rate that can be requested. */
#define SP_THINNED_RATE_MAX (UINT32_C(1) << 31)

/* Decide whether a counted sample stays when its rate grows to `rate`. If this returns true, it has updated the
 * sample's rate, its stack's sums and the counters. If false, the sums and counters record that the sample was
 * dropped, and its stack is released. */
bool sp_thinning_keeps(spprof_sample *sample, uint32_t rate);

/* If three quarters of the table are empty, halve the minimum rate for new samples. Return true if it was changed. */
bool sp_thinning_relax(void);

/* Thin the live table, unless another thread has just thinned it. Return false if no thinning would reduce its
 * samples. */
bool sp_thinning_make_room(void);

#endif
