/* pending.h: frees that a signal handler made while it interrupted the engine on its own thread.
 *
 * The handler cannot take the table's locks, so it leaves the address here before the real free. A thread that later
 * receives that address empties the list before inserting its sample, so an old free never erases a new sample.
 *
 * Memory:  a static array of SP_PENDING_MAX addresses.
 * Threads: any, lock-free.
 * Signals: push is safe.
 * Full:    push returns false and the caller counts a drop.
 */
#ifndef SP_PENDING_H
#define SP_PENDING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define SP_PENDING_MAX 64

typedef struct sp_pending {
    _Atomic uint32_t count; /* an upper bound on the number of listed addresses */
    _Atomic uintptr_t addresses[SP_PENDING_MAX];
} sp_pending;

bool sp_pending_push(sp_pending *pending, uintptr_t address);

bool sp_pending_is_empty(sp_pending *pending);

/* Remove one address and return it; 0 if there is none. */
uintptr_t sp_pending_pop(sp_pending *pending);

#endif
