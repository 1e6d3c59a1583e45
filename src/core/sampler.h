/* sampler.h: decides which allocations become samples. The mathematics is in docs/sampling.md.
 *
 *   gate        k << 40, k the number of the start                       one per process
 *   countdown   gate + floor(Exp(rate)), less what was allocated since   one per thread
 *
 * An allocation of s bytes is sampled if s exceeds what is left of the countdown. The probability is 1 − exp(−s/rate),
 * whatever came before. A countdown below the gate *before* the allocation belongs to an earlier start or to a new
 * thread, or it was exhausted inside the engine. It is redrawn, and then the allocation is decided on its own.
 *
 * The rate may change while sampling is active. A countdown keeps the rate for which it was drawn, `drawn_rate`, and so
 * does the sample in which it ends.
 *
 * Memory:  the caller's thread state.
 * Threads: each has its own state; the plan is one atomic word.
 */
#ifndef SP_SAMPLER_H
#define SP_SAMPLER_H

#include "spprof.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SP_EPOCH_SHIFT 40
#define SP_EPOCHS_MAX ((UINT32_C(1) << 22) - 1) /* 2^22 starts << 40 stays below 2^62 */

/* This value is below every gate, so the next allocation of this thread takes the slow path. It is not below 0, so
 * that it cannot wrap. */
#define SP_COUNTDOWN_DUE 0

/* The parameters of a start. They are packed into one word, so that no thread combines one start's rate with
 * another's gate. */
typedef struct sp_plan {
    uint32_t rate;  /* 0 = every allocation; for countdowns drawn from now on */
    uint32_t epoch; /* 1, 2, … */
    bool active;
    bool seeded;
} sp_plan;

uint64_t sp_plan_pack(sp_plan plan);
sp_plan sp_plan_unpack(uint64_t word);
int64_t sp_plan_gate(sp_plan plan);

/* Set the sequence from which threads are seeded, either at each seeded start or once. Call this under the lifecycle
 * lock. */
void sp_sampler_seed(uint64_t seed);

/* Make the sample decision for `size` bytes that have already been counted down. Return true for a sample at the
 * thread's `drawn_rate`; the caller then draws a new countdown. If this returns false, it has drawn a new countdown
 * where one was due. */
bool sp_sampler_decide(spprof_thread *self, sp_plan plan, size_t size);

/* Draw a new countdown. */
void sp_sampler_redraw(spprof_thread *self, sp_plan plan);

/* Return a random number, uniform in (0, 1], from this thread's generator. */
double sp_sampler_uniform(spprof_thread *self, sp_plan plan);

/* Raise a countdown below 0 that no decision has raised. While sampling is active, make it due; while stopped, put
 * it just below the next start's gate. */
void sp_sampler_lift(spprof_thread *self, sp_plan plan);

#endif
