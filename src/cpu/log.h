/* log.h: the samples of a session, in the order in which they were taken.
 *
 *   [ sample | sample | … | sample ]  full ──► summed in the record of its stack, without moment and thread
 *                           ▲ used: one atomic add takes a place; the stack id, written last, says that it is whole
 *
 * Memory:  one mapping of cpu_samples_max samples, or of as many as the kernel grants; resident where touched.
 * Threads: any, lock-free. Signals: append is safe.
 * Full:    sums go on for ever.
 */
#ifndef SP_LOG_H
#define SP_LOG_H

#include "spprof.h"
#include "stack_table.h"

/* Before a session, when nobody appends: an empty log. False: no memory. */
bool sp_log_begin(void);
void sp_log_append(const spprof_cpu_sample *sample, sp_stack_record *stack);

/* See spprof_cpu_copy. */
size_t sp_log_copy(spprof_cpu_sample *out, size_t capacity);

#endif
