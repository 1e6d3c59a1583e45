/* log.h: the samples of a session, in the order in which they were taken.
 *
 *   [ sample | sample | … | sample ]  full ──► summed in the record of its stack, without time and thread
 *                           ▲ used: one atomic add reserves a slot; the stack's slot, written last, marks it complete
 *
 * A round is everything the log has held since it was last emptied. No stack of the current round leaves its table, so
 * the slot of its id, which no other stack has meanwhile, is enough to name it.
 *
 * Memory:  one mapping of cpu_samples_max samples, or of as many as the kernel grants; resident where touched.
 * Threads: any, lock-free. Signals: append is safe.
 * Full:    sums continue without limit.
 * Fork:    the child's first session begins its own round.
 */
#ifndef SP_LOG_H
#define SP_LOG_H

#include "spprof.h"
#include "stack_table.h"

/* Empty the log before a session, when no thread appends. Return false if there is no memory. */
bool sp_log_begin(void);
/* Append a sample. `stack` is held, and becomes the sample's `stack`. */
void sp_log_append(const spprof_cpu_sample *sample, sp_stack_record *stack);

/* A sample whose weight is an estimate has this bit in its thread_id: no kernel thread id has it. */
#define SP_LOG_ESTIMATED (UINT32_C(1) << 31)

/* Copy like spprof_cpu_copy(); SP_LOG_ESTIMATED is set where it applies. */
size_t sp_log_copy(spprof_cpu_sample *out, size_t capacity);

#endif
