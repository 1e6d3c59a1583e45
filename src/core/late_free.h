/* late_free.h: frees that are reported only after the block was freed, when its address may belong to another block.
 *
 *   thread A: realloc moves P ── P is free ───────────────────────────► report: late free of P
 *   thread B:                       └► malloc returns P ► sample 2 at P      └─ must not end sample 2
 *
 * The sample at a reported address is old exactly if the allocator says that the address is free now. If another thread
 * receives the address after that answer, its sample has a later serial than any drawn before the query, and stays. If
 * the address is in use, the sample there is the new block's, or the new block's own report is under way and ends the
 * old sample: a hook that reports late frees therefore calls spprof_forget for each address it sees allocated.
 *
 * Memory:  a static list of SP_LATE_FREES_MAX addresses.
 * Threads: any. The list is lock-free.
 * Signals: inside the engine (a handler, a paused thread) an address goes on the list with its last serial, until the
 *          next sp_late_free_settle outside.
 * Fork:    a slot that another thread was writing stays unused in the child.
 * Full:    a drop is counted, and the sample stays until its address is allocated or freed again.
 */
#ifndef SP_LATE_FREE_H
#define SP_LATE_FREE_H

#include <stdbool.h>
#include <stddef.h>

#define SP_LATE_FREES_MAX 64

/* Return whether `address` is the start of a block in use. Called for sampled addresses only, without our locks. */
typedef bool sp_is_allocated(const void *address);

/* Remove `address` from the live table, unless its sample is newer than the free that is reported now. */
void sp_late_free(const void *address, sp_is_allocated *is_allocated);

/* Remove what threads inside the engine left on the list. */
void sp_late_free_settle(void);

#endif
