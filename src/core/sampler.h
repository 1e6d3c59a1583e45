/* sampler.h: which allocations become samples. The mathematics stand in docs/sampling.md.
 *
 *   gate        k << 40, k the number of the start                       one per process
 *   countdown   gate + floor(Exp(rate)), less what was allocated since   one per thread
 *
 * An allocation of s bytes is a sample if s is more than what is left: probability 1 − exp(−s/rate), whatever came
 * before. A countdown below the gate *before* the allocation belongs to an earlier start (or to a new thread, or was
 * used up inside the engine): it is drawn anew, then the allocation is decided on its own.
 *
 * The rate may change while sampling goes on. A countdown keeps the rate it was drawn under, `drawn_rate`, and so does
 * the sample that it ends in.
 *
 * Memory:  the caller's thread state.
 * Threads: each its own state; the plan is one atomic word.
 */
#ifndef SP_SAMPLER_H
#define SP_SAMPLER_H

#include "spprof.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SP_EPOCH_SHIFT 40
#define SP_EPOCHS_MAX ((UINT32_C(1) << 22) - 1) /* 2^22 starts << 40 stays below 2^62 */

/* Below every gate: the next allocation of this thread takes the slow path. Not below 0, so that it cannot wrap. */
#define SP_COUNTDOWN_DUE 0

/* What a start decided. Packed into one word, so that no thread pairs one start's rate with another's gate. */
typedef struct sp_plan {
    uint32_t rate;  /* 0 = every allocation; of countdowns that are drawn from now on */
    uint32_t epoch; /* 1, 2, … */
    bool active;
    bool seeded;
} sp_plan;

uint64_t sp_plan_pack(sp_plan plan);
sp_plan sp_plan_unpack(uint64_t word);
int64_t sp_plan_gate(sp_plan plan);

/* The sequence from which threads are seeded; at each seeded start, or once. Under the lifecycle lock. */
void sp_sampler_seed(uint64_t seed);

/* The sample decision about `size` bytes, already counted down. True: a sample, of the thread's `drawn_rate`; the
 * caller draws a new countdown. False: where one was due, it is drawn. */
bool sp_sampler_decide(spprof_thread *self, sp_plan plan, size_t size);

/* Draws a new countdown. */
void sp_sampler_redraw(spprof_thread *self, sp_plan plan);

/* Uniform in (0, 1], from this thread's generator. */
double sp_sampler_uniform(spprof_thread *self, sp_plan plan);

/* Lifts a countdown below 0 that no decision has lifted: it is due; or, while stopped, just below the next start's
 * gate. */
void sp_sampler_lift(spprof_thread *self, sp_plan plan);

#endif
