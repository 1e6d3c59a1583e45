/* log.h: the samples of a session, in the order in which they were taken.
 *
 *   [ sample | sample | … | sample ]  full ──► summed in the record of its stack, without moment and thread
 *                           ▲ used: one atomic add takes a place; the stack's slot, written last, says that it is whole
 *
 * What the log has held since it was emptied is a round. No stack of this round leaves its table, so the slot of its
 * id, which no other stack has meanwhile, is enough to name it.
 *
 * Memory:  one mapping of cpu_samples_max samples, or of as many as the kernel grants; resident where touched.
 * Threads: any, lock-free. Signals: append is safe.
 * Full:    sums go on for ever.
 * Fork:    the child's first session begins a round of its own.
 */
#ifndef SP_LOG_H
#define SP_LOG_H

#include "spprof.h"
#include "stack_table.h"

/* Before a session, when nobody appends: an empty log. False: no memory. */
bool sp_log_begin(void);
/* `stack` is held, and is what the sample's `stack` will be. */
void sp_log_append(const spprof_cpu_sample *sample, sp_stack_record *stack);

/* A sample whose weight is an estimate has this bit in its thread_id: no kernel's thread id has it. */
#define SP_LOG_ESTIMATED (UINT32_C(1) << 31)

/* See spprof_cpu_copy; with SP_LOG_ESTIMATED where it applies. */
size_t sp_log_copy(spprof_cpu_sample *out, size_t capacity);

#endif
