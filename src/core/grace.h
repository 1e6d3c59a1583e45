/* grace.h: finds out when no reader can still be using a record that was removed from a lock-free structure.
 *
 *   readers:  enter(phase 0) ─ … ─ leave      enter(phase 1) ─ … ─ leave          each phase has a counter
 *   writer:   unlink ─ begin (new readers go to the other phase) ─ is each counter seen at 0 once? ─ reuse
 *
 * A reader that entered before `begin` is counted in one of the two phases until it leaves. So once each counter has
 * been seen at 0 after `begin`, not necessarily both at the same time, all those readers have left.
 *
 * Memory:  two counters, on separate cache lines.
 * Threads: any number of readers, lock-free; one writer at a time. No thread waits: the writer checks again later.
 * Signals: enter and leave are safe, and nest.
 * Fork:    call sp_grace_reset_after_fork in a child whose thread is not reading.
 */
#ifndef SP_GRACE_H
#define SP_GRACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct sp_grace {
    _Atomic uint32_t phase; /* the phase in which new readers are counted: 0 or 1 */
    struct {
        _Alignas(64) _Atomic uint32_t inside;
    } readers[2];
} sp_grace;

/* What a writer has seen since it began: bit n means that counter n was at 0. */
typedef uint8_t sp_grace_seen;

/* Begin reading. Return the phase, to be passed to sp_grace_leave. This operation is sequentially consistent, and so
 * are the loads that follow it (stack_index.c) and the writer's unlinking. So if a writer did not count a reader,
 * that reader no longer sees what the writer had unlinked. */
static inline uint32_t sp_grace_enter(sp_grace *grace) {
    uint32_t phase = atomic_load_explicit(&grace->phase, memory_order_relaxed);
    atomic_fetch_add(&grace->readers[phase].inside, 1);
    return phase;
}

static inline void sp_grace_leave(sp_grace *grace, uint32_t phase) {
    atomic_fetch_sub_explicit(&grace->readers[phase].inside, 1, memory_order_release);
}

/* Begin a grace period. Call this after unlinking. */
sp_grace_seen sp_grace_begin(sp_grace *grace);

/* Return true if all readers that were reading when the grace period began have left. */
bool sp_grace_is_over(sp_grace *grace, sp_grace_seen *seen);

void sp_grace_reset_after_fork(sp_grace *grace);

#endif
