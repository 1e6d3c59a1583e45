#include "pending_changes.h"

enum { FREE, WRITING, WRITTEN };

bool sp_pending_changes_push(sp_pending_changes *pending, const sp_map_change *change) {
    for (int i = 0; i < SP_PENDING_CHANGES; i++) {
        uint32_t state = FREE;
        if (!atomic_compare_exchange_strong(&pending->slots[i].state, &state, WRITING)) continue;
        pending->slots[i].change = *change;
        atomic_store_explicit(&pending->slots[i].state, WRITTEN, memory_order_release);
        atomic_fetch_add(&pending->count, 1);
        return true;
    }
    return false;
}

static uint64_t order_of(const sp_map_change *change) {
    return change->made.serial;
}

bool sp_pending_changes_pop(sp_pending_changes *pending, sp_map_change *change) {
    sp_pending_change *earliest = NULL;
    if (atomic_load_explicit(&pending->count, memory_order_acquire) == 0) return false;
    for (int i = 0; i < SP_PENDING_CHANGES; i++) {
        sp_pending_change *slot = &pending->slots[i];
        if (atomic_load_explicit(&slot->state, memory_order_acquire) != WRITTEN) continue;
        if (!earliest || order_of(&slot->change) < order_of(&earliest->change)) earliest = slot;
    }
    if (!earliest) return false;
    *change = earliest->change;
    atomic_store_explicit(&earliest->state, FREE, memory_order_release);
    atomic_fetch_sub(&pending->count, 1);
    return true;
}

void sp_pending_changes_repair_after_fork(sp_pending_changes *pending, bool inside) {
    uint32_t count = 0;
    for (int i = 0; i < SP_PENDING_CHANGES; i++) {
        uint32_t state = atomic_load(&pending->slots[i].state);
        if (state == WRITING && !inside) atomic_store(&pending->slots[i].state, FREE);
        count += state == WRITTEN;
    }
    atomic_store(&pending->count, count);
}
