#include "stack_sums.h"

#include <math.h>

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

/* If no sample is left, the rounding errors of additions and subtractions are cleared too. */
static spprof_sums sum_of(const spprof_sums *before, const spprof_sums *change) {
    bool any = before->samples + change->samples != 0;
    return (spprof_sums){.samples = before->samples + change->samples,
                         .size = before->size + change->size,
                         .bytes = before->bytes + change->bytes,
                         .objects = before->objects + change->objects,
                         .variance = any ? before->variance + change->variance : 0,
                         .skewness = any ? before->skewness + change->skewness : 0};
}

/* Add to both sums. Return how many samples have been taken so far. */
static uint64_t change(sp_stack_sums *sums, const spprof_sums *allocated, const spprof_sums *live) {
    sp_sums_lock *lock = acquire(sums);
    keep_peaks_locked(sums);
    spprof_sums allocated_after = sum_of(&sums->allocated, allocated), live_after = sum_of(&sums->live, live);
    lock->sums = sums;
    lock->allocated = allocated_after;
    lock->live = live_after;
    atomic_store_explicit(&lock->writing, true, memory_order_release);
    sums->allocated = allocated_after;
    sums->live = live_after;
    atomic_store_explicit(&lock->writing, false, memory_order_release);
    sp_lock_release(&lock->lock);
    return allocated_after.samples;
}

/* Return what one sample adds, or, if `sign` is −1, what its removal subtracts. */
static spprof_sums sums_of(const spprof_weight *weight, int sign) {
    double bytes = (double)(int64_t)weight->bytes / SPPROF_BYTES_ONE;
    double unseen = 1 - weight->probability, variance = sign * unseen * bytes * bytes;
    return (spprof_sums){.samples = (uint64_t)sign,
                         .size = (uint64_t)sign * weight->size,
                         .bytes = (uint64_t)sign * weight->bytes,
                         .objects = (uint64_t)sign * weight->objects,
                         .variance = variance,
                         .skewness = variance * unseen * bytes};
}

bool sp_stack_sums_add(sp_stack_sums *sums, const spprof_weight *weight) {
    spprof_sums added = sums_of(weight, 1);
    return change(sums, &added, &added) == 1;
}

bool sp_stack_sums_take_back(sp_stack_sums *sums, const spprof_weight *weight) {
    spprof_sums taken = sums_of(weight, -1);
    return change(sums, &taken, &taken) == 0;
}

void sp_stack_sums_free(sp_stack_sums *sums, const spprof_weight *weight) {
    spprof_sums freed = sums_of(weight, -1);
    change(sums, &(spprof_sums){0}, &freed);
}

void sp_stack_sums_reweigh(sp_stack_sums *sums, const spprof_weight *before, const spprof_weight *after) {
    spprof_sums live = sums_of(before, -1), added = after ? sums_of(after, 1) : (spprof_sums){0};
    spprof_sums_add(&live, &added);
    spprof_sums allocated = live;
    allocated.samples = 0; /* the number of samples taken so far is unchanged */
    change(sums, &allocated, &live);
}

/* Large blocks have almost no variance. If only large blocks are left, rounding errors of subtractions remain: a
 * variance below 0, or a disproportionate third moment. In real samples S = Σ(1−p)²w³ is at most V = Σ(1−p)w² times
 * the largest (1−p)w, which is at most √V. */
static void mend_rounding(spprof_sums *sums) {
    if (!(sums->variance > 0)) sums->variance = sums->skewness = 0;
    double most = sums->variance * sqrt(sums->variance);
    if (sums->skewness < 0) sums->skewness = 0;
    if (sums->skewness > most) sums->skewness = most;
}

sp_stack_sums sp_stack_sums_read(sp_stack_sums *sums) {
    sp_sums_lock *lock = acquire(sums);
    sp_stack_sums copy = *sums;
    sp_lock_release(&lock->lock);
    keep_peaks_locked(&copy);
    mend_rounding(&copy.allocated);
    mend_rounding(&copy.live);
    for (unsigned window = 0; window < SPPROF_PEAKS; window++) mend_rounding(&copy.at_peak[window]);
    return copy;
}

/* ---- Eviction ---- */

/* If a number is behind, at_peak equals `live`, which is zero. */
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
        locks[i].sums->allocated = locks[i].allocated;
        locks[i].sums->live = locks[i].live;
        atomic_store(&locks[i].writing, false);
    }
}
