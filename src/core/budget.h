/* budget.h: limits the cost of samples by adjusting the sampling interval.
 *
 *   a sample ──► its cost, by the clock ──► spent
 *   spent in a window / what the share allows ──► the plan's rate times that, for countdowns drawn from now on
 *
 * The rate depends on earlier samples and on the clock, never on a future allocation, and each sample keeps the rate it
 * was drawn under. So estimates stay unbiased (docs/sampling.md). The cost of hooks that take no sample is not
 * included.
 *
 * Memory:  static.
 * Threads: any. One thread closes a window and changes the plan; the others continue.
 * Signals: called inside the guard.
 * Fork:    a child continues with its parent's rate and window.
 */
#ifndef SP_BUDGET_H
#define SP_BUDGET_H

#include <stdatomic.h>
#include <stdint.h>

typedef struct sp_budget {
    _Atomic uint32_t wanted_ppm; /* for the following starts */
    _Atomic uint32_t share_ppm;  /* of one core; 0: no budget, and nothing is measured */
    _Atomic uint32_t base_rate;  /* the lower bound of the rate */
    _Atomic uint64_t window_began_ns, window_spent_ns, window_parts;
    _Atomic uint64_t spent_ns;
} sp_budget;

extern sp_budget sp_the_budget;

/* Begin a budget for a start at `base_rate`. Call this under the lifecycle lock. */
void sp_budget_start(uint32_t base_rate);

/* Record the rate: from now on, some live blocks may have been decided at this rate and not sampled. */
void sp_budget_note_rate(uint32_t rate);

uint32_t sp_budget_share(void);
uint64_t sp_budget_spent_ns(void);

/* Measure a part of what a sample costs. The time is 0 while there is no budget. */
uint64_t sp_budget_time_ns(void);
void sp_budget_spend_since(uint64_t began_ns);

static inline uint64_t sp_budget_begin(void) {
    if (__builtin_expect(atomic_load_explicit(&sp_the_budget.share_ppm, memory_order_relaxed) == 0, 1)) return 0;
    return sp_budget_time_ns();
}

static inline void sp_budget_spend(uint64_t began_ns) {
    if (__builtin_expect(began_ns != 0, 0)) sp_budget_spend_since(began_ns);
}

/* Return the rate for the next window, given that `spent_ns` were spent in `elapsed_ns` at `rate`. It is the old
 * rate times the ratio of spent to allowed time, within [base_rate, SPPROF_RATE_MAX], and between half the old rate
 * and 16 times the old rate. */
uint32_t sp_budget_next_rate(uint32_t rate, uint32_t base_rate, uint32_t share_ppm, uint64_t spent_ns,
                             uint64_t elapsed_ns);

#endif
