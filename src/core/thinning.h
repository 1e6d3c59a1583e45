/* thinning.h: fewer live samples, each of which stands for more, where the live table is full.
 *
 *   rate 512 KB   ● ● ● ● ● ● ● ●      each stays with p(size, 1 MB) / p(size, 512 KB), and is weighed
 *   rate   1 MB   ●   ●   ● ●          as if it had been drawn at 1 MB from the beginning
 *
 * So estimates stay unbiased, and intervals say what the smaller sample is worth (docs/sampling.md). New samples that
 * are drawn at a smaller rate are thinned as they come, until three quarters of the table are empty again.
 *
 * Threads: any, inside the guard; one thins, others that found the table full wait for it.
 * Signals: none of it.
 * Fork:    shards that were not reached keep their rate, each sample its own: nothing is left to repair.
 * Full:    where samples cannot be thinned further, or do not get fewer, the table stays full.
 */
#ifndef SP_THINNING_H
#define SP_THINNING_H

#include "profiler.h"

/* Above any rate that can be asked for. */
#define SP_THINNED_RATE_MAX (UINT32_C(1) << 31)

/* Whether a sample that is counted stays when it is to be of this larger rate. True: its rate, its stack's sums and the
 * counters say so. False: all of them know that it was given up, and its stack is released. */
bool sp_thinning_keeps(spprof_sample *sample, uint32_t rate);

/* Where three quarters of the table are empty, half as large a rate will do from now on. True: it was changed. */
bool sp_thinning_relax(void);

/* Thins the live table, unless another thread just has. False: no thinning would make its samples fewer. */
bool sp_thinning_make_room(void);

#endif
