/* eviction.h: removes from the table the stacks that nothing needs any more.
 *
 *   slots:  [ held | seen again | · | · | held | … ]      from 7/8 full on, each new stack moves the hand 16 slots on
 *                       ▲ hand: held stays, seen again gets a second chance, else the record
 *                         leaves:  totals ─► <stacks no longer kept>, record ─► retired ─► grace period ─► pool
 *
 * Memory:  none. If readers keep a grace period from ending, eviction stops before an eighth of the table is waiting.
 * Threads: one evictor at a time; a thread that finds another one evicting continues without it. Only
 *          sp_eviction_keep_out waits, until the current turn of 16 slots ends.
 * Signals: a sweep is safe in a handler; sp_eviction_keep_out must not be called there.
 * Fork:    the child completes any eviction that another thread had left half done.
 */
#ifndef SP_EVICTION_H
#define SP_EVICTION_H

#include "stack_table.h"

void sp_eviction_sweep(sp_stack_table *table);

/* Between these two calls nothing leaves the table, so that samples and stacks that are read one after the other are
 * consistent. Calls nest. */
void sp_eviction_keep_out(sp_stack_table *table);
void sp_eviction_let_in(sp_stack_table *table);

void sp_eviction_repair_after_fork(sp_stack_table *table);

#endif
