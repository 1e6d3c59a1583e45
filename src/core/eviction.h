/* eviction.h: takes stacks out of the table that nobody needs any more.
 *
 *   slots:  [ held | met again | · | · | held | … ]       from 7/8 full on, each new stack moves the hand 16 slots on
 *                      ▲ hand: held stays, met again gets a second chance, else the record
 *                        leaves:  totals ─► <stacks no longer kept>, record ─► retired ─► grace period ─► pool
 *
 * Memory:  none. Where readers keep a grace period from ending, eviction stops before an eighth of the table waits.
 * Threads: one evictor at a time; another that finds it at work goes on without. Only sp_eviction_keep_out waits, for
 *          the end of one turn of 16 slots.
 * Signals: a sweep is safe in a handler, sp_eviction_keep_out is not called there.
 * Fork:    what another thread had half done is completed in the child.
 */
#ifndef SP_EVICTION_H
#define SP_EVICTION_H

#include "stack_table.h"

void sp_eviction_sweep(sp_stack_table *table);

/* Between the two nothing leaves, so that samples and stacks that are read one after the other fit together. Nests. */
void sp_eviction_keep_out(sp_stack_table *table);
void sp_eviction_let_in(sp_stack_table *table);

void sp_eviction_repair_after_fork(sp_stack_table *table);

#endif
