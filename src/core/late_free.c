#include "late_free.h"

#include "profiler.h"

#include <errno.h>

#define EMPTY 0
#define TAKEN 1 /* being written or read; no block has this address */

typedef struct late_free {
    _Atomic uintptr_t address;
    uint64_t last_serial; /* of the thread that set the address to TAKEN */
} late_free;

static late_free list[SP_LATE_FREES_MAX];
static _Atomic uint32_t listed; /* an upper bound on the addresses in the list */

static bool push(uintptr_t address, uint64_t last_serial) {
    atomic_fetch_add(&listed, 1);
    for (int i = 0; i < SP_LATE_FREES_MAX; i++) {
        uintptr_t found = EMPTY;
        if (!atomic_compare_exchange_strong(&list[i].address, &found, TAKEN)) continue;
        list[i].last_serial = last_serial;
        atomic_store_explicit(&list[i].address, address, memory_order_release); /* after the serial */
        return true;
    }
    atomic_fetch_sub(&listed, 1);
    return false;
}

static void remove_guarded(uintptr_t address, uint64_t last_serial) {
    spprof_sample removed;
    if (sp_live_table_remove_until(&sp_the_profiler.live, address, last_serial, &removed))
        sp_counters_add_freed(&removed);
}

static void settle_guarded(void) {
    for (int i = 0; i < SP_LATE_FREES_MAX; i++) {
        uintptr_t address = atomic_load_explicit(&list[i].address, memory_order_relaxed);
        if (address == EMPTY || address == TAKEN) continue;
        if (!atomic_compare_exchange_strong(&list[i].address, &address, TAKEN)) continue;
        uint64_t last_serial = list[i].last_serial;
        atomic_store_explicit(&list[i].address, EMPTY, memory_order_release); /* after the serial was read */
        atomic_fetch_sub(&listed, 1);
        remove_guarded(address, last_serial);
    }
}

void sp_late_free_settle(void) {
    spprof_thread *self = &spprof_this_thread;
    if (atomic_load_explicit(&listed, memory_order_acquire) == 0 || self->guard) return;
    int saved_errno = errno;
    sp_guard_enter(self);
    settle_guarded();
    sp_guard_leave(self);
    errno = saved_errno;
}

void sp_late_free(const void *address, sp_is_allocated *is_allocated) {
    spprof_thread *self = &spprof_this_thread;
    const spprof_filter *filter = __atomic_load_n(&spprof_the_gate.filter, __ATOMIC_ACQUIRE);
    if (!sp_filter_holds(filter, (uintptr_t)address)) return;
    int saved_errno = errno;
    uint64_t last_serial = atomic_load(&sp_the_profiler.counters.last_serial); /* before the query */
    if (is_allocated(address)) {
        errno = saved_errno;
        return;
    }
    if (self->guard) {
        if (!push((uintptr_t)address, last_serial)) spprof_count_drop(SPPROF_DROP_PENDING_FREES_FULL);
    } else {
        sp_guard_enter(self);
        remove_guarded((uintptr_t)address, last_serial);
        sp_guard_leave(self);
    }
    errno = saved_errno;
}
