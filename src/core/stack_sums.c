#include "stack_sums.h"

/* ---- Peaks ---- */

sp_peak sp_the_peaks[SPPROF_PEAKS];

static void reach(sp_peak *peak, uint64_t live_bytes) {
    uint64_t highest = atomic_load(&peak->bytes);
    while (live_bytes > highest) {
        if (!atomic_compare_exchange_weak(&peak->bytes, &highest, live_bytes)) continue;
        atomic_fetch_add(&peak->number, 1);
        return;
    }
}

void sp_peaks_reach(uint64_t live_bytes) {
    for (unsigned window = 0; window < SPPROF_PEAKS; window++) reach(&sp_the_peaks[window], live_bytes);
}

void sp_peak_reset(unsigned window, uint64_t live_bytes) {
    atomic_store(&sp_the_peaks[window].bytes, live_bytes);
    atomic_fetch_add(&sp_the_peaks[window].number, 1);
}

/* ---- Locks ---- */

#define LOCK_BITS 6

static sp_sums_lock locks[1 << LOCK_BITS] = {[0 ...(1 << LOCK_BITS) - 1] = {.lock = {.rank = SP_RANK_STACK_SUMS}}};

sp_sums_lock *sp_stack_sums_lock(const sp_stack_sums *sums) {
    return &locks[spprof_hash_address((uintptr_t)sums) >> (64 - LOCK_BITS)];
}

static sp_sums_lock *acquire(sp_stack_sums *sums) {
    sp_sums_lock *lock = sp_stack_sums_lock(sums);
    sp_lock_acquire(&lock->lock);
    return lock;
}

/* ---- Changes ---- */

static void keep_peaks_locked(sp_stack_sums *sums) {
    for (unsigned window = 0; window < SPPROF_PEAKS; window++) {
        uint64_t number = atomic_load(&sp_the_peaks[window].number);
        if (sums->number[window] == number) continue;
        sums->at_peak[window] = sums->live;
        sums->number[window] = number;
    }
}

/* After it the caller changes lock->allocated and lock->live. */
static sp_sums_lock *begin_change(sp_stack_sums *sums) {
    sp_sums_lock *lock = acquire(sums);
    keep_peaks_locked(sums);
    lock->sums = sums;
    lock->allocated = sums->allocated;
    lock->live = sums->live;
    return lock;
}

static void write_locked(sp_sums_lock *lock) {
    lock->sums->allocated = lock->allocated;
    lock->sums->live = lock->live;
}

static void end_change(sp_sums_lock *lock) {
    atomic_store_explicit(&lock->writing, true, memory_order_release);
    write_locked(lock);
    atomic_store_explicit(&lock->writing, false, memory_order_release);
    sp_lock_release(&lock->lock);
}

static spprof_sums sums_of(const spprof_weight *weight) {
    double bytes = (double)weight->bytes / SPPROF_BYTES_ONE;
    double unseen = 1 - weight->probability;
    return (spprof_sums){.samples = 1,
                         .size = weight->size,
                         .bytes = weight->bytes,
                         .objects = weight->objects,
                         .variance = unseen * bytes * bytes,
                         .skewness = unseen * unseen * bytes * bytes * bytes};
}

/* Where no sample is left, the rounding errors of what was added and taken away are not left either. */
static void subtract(spprof_sums *from, const spprof_sums *other) {
    from->samples -= other->samples;
    from->size -= other->size;
    from->bytes -= other->bytes;
    from->objects -= other->objects;
    from->variance = from->samples == 0 ? 0 : from->variance - other->variance;
    from->skewness = from->samples == 0 ? 0 : from->skewness - other->skewness;
}

bool sp_stack_sums_add(sp_stack_sums *sums, const spprof_weight *weight) {
    spprof_sums added = sums_of(weight);
    sp_sums_lock *lock = begin_change(sums);
    bool first = lock->allocated.samples == 0;
    spprof_sums_add(&lock->allocated, &added);
    spprof_sums_add(&lock->live, &added);
    end_change(lock);
    return first;
}

bool sp_stack_sums_take_back(sp_stack_sums *sums, const spprof_weight *weight) {
    spprof_sums taken = sums_of(weight);
    sp_sums_lock *lock = begin_change(sums);
    subtract(&lock->allocated, &taken);
    subtract(&lock->live, &taken);
    bool none = lock->allocated.samples == 0;
    end_change(lock);
    return none;
}

void sp_stack_sums_free(sp_stack_sums *sums, const spprof_weight *weight) {
    spprof_sums freed = sums_of(weight);
    sp_sums_lock *lock = begin_change(sums);
    subtract(&lock->live, &freed);
    end_change(lock);
}

/* The number of samples ever taken stays what it is. */
void sp_stack_sums_reweigh(sp_stack_sums *sums, const spprof_weight *before, const spprof_weight *after) {
    spprof_sums removed = sums_of(before), added = after ? sums_of(after) : (spprof_sums){0};
    sp_sums_lock *lock = begin_change(sums);
    uint64_t ever = lock->allocated.samples;
    spprof_sums_add(&lock->allocated, &added);
    spprof_sums_add(&lock->live, &added);
    subtract(&lock->allocated, &removed);
    subtract(&lock->live, &removed);
    lock->allocated.samples = ever;
    end_change(lock);
}

sp_stack_sums sp_stack_sums_read(sp_stack_sums *sums) {
    sp_sums_lock *lock = acquire(sums);
    sp_stack_sums copy = *sums;
    sp_lock_release(&lock->lock);
    keep_peaks_locked(&copy);
    return copy;
}

/* ---- Eviction ---- */

/* Where the number is behind, at_peak is `live`: nothing. */
static uint32_t needed(const sp_stack_sums *sums) {
    uint32_t windows = 0;
    for (unsigned window = 0; window < SPPROF_PEAKS; window++)
        if (sums->at_peak[window].samples > 0 && sums->number[window] == atomic_load(&sp_the_peaks[window].number))
            windows |= UINT32_C(1) << window;
    return windows;
}

uint32_t sp_stack_sums_needed(sp_stack_sums *sums) {
    sp_sums_lock *lock = sp_stack_sums_lock(sums);
    if (!sp_lock_try(&lock->lock)) return SP_SUMS_BUSY;
    uint32_t windows = needed(sums);
    sp_lock_release(&lock->lock);
    return windows;
}

bool sp_stack_sums_begin_fold(sp_stack_sums *to, sp_stack_sums *leaving, sp_stack_sums *after) {
    sp_sums_lock *lock = sp_stack_sums_lock(to);
    if (!sp_lock_try(&lock->lock)) return false;
    keep_peaks_locked(to);
    *after = *to;
    spprof_sums_add(&after->allocated, &leaving->allocated);
    for (unsigned window = 0; window < SPPROF_PEAKS; window++)
        if (leaving->number[window] == to->number[window])
            spprof_sums_add(&after->at_peak[window], &leaving->at_peak[window]);
    return true;
}

void sp_stack_sums_end_fold(sp_stack_sums *to, const sp_stack_sums *after) {
    *to = *after;
    sp_lock_release(&sp_stack_sums_lock(to)->lock);
}

/* ---- Fork ---- */

void sp_stack_sums_repair_after_fork(void) {
    for (size_t i = 0; i < sizeof locks / sizeof *locks; i++) {
        sp_lock_reset_after_fork(&locks[i].lock);
        if (!atomic_load_explicit(&locks[i].writing, memory_order_acquire)) continue;
        write_locked(&locks[i]);
        atomic_store(&locks[i].writing, false);
    }
}
