#include "pending.h"

bool sp_pending_push(sp_pending *pending, uintptr_t address) {
    atomic_fetch_add(&pending->count, 1);
    for (int i = 0; i < SP_PENDING_MAX; i++) {
        uintptr_t empty = 0;
        if (atomic_compare_exchange_strong(&pending->addresses[i], &empty, address)) return true;
    }
    atomic_fetch_sub(&pending->count, 1);
    return false;
}

bool sp_pending_is_empty(sp_pending *pending) {
    return atomic_load_explicit(&pending->count, memory_order_acquire) == 0;
}

uintptr_t sp_pending_pop(sp_pending *pending) {
    if (sp_pending_is_empty(pending)) return 0;
    for (int i = 0; i < SP_PENDING_MAX; i++) {
        uintptr_t address = atomic_exchange(&pending->addresses[i], 0);
        if (address == 0) continue;
        atomic_fetch_sub(&pending->count, 1);
        return address;
    }
    return 0;
}
