/* log.h: the samples of a session, in the order in which they were taken.
 *
 *   [ sample | sample | … | sample ]  full ──► summed in the record of its stack, without time and thread
 *                           ▲ used: one atomic add reserves a slot; the stack's slot, written last, marks it complete
 *
 * A round is everything the log has held since it was last emptied. No stack of the current round leaves the stack
 * table. So the slot of a stack's id suffices to identify it: during the round, no other stack uses that slot.
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

/* Empty the log before a session, while no thread is appending. Return false if there is no memory. */
bool sp_log_begin(void);
/* Append a sample. `stack` is held, and becomes the sample's `stack`. */
void sp_log_append(const spprof_cpu_sample *sample, sp_stack_record *stack);

/* If a sample's weight is an estimate, its thread_id has this bit set. No kernel thread id has it. */
#define SP_LOG_ESTIMATED (UINT32_C(1) << 31)

/* Copy samples like spprof_cpu_copy(), but with SP_LOG_ESTIMATED set in those whose weight is an estimate. */
size_t sp_log_copy(spprof_cpu_sample *out, size_t capacity);

#endif
