/* fake_hook.h: a hook without an allocator. Addresses are only names, so each test decides which ones are returned. */
#ifndef FAKE_HOOK_H
#define FAKE_HOOK_H

#include "pool.h"
#include "spprof.h"
#include "support.h"

#define BYTES(n) ((uint64_t)(n) * SPPROF_BYTES_ONE)
#define OBJECTS(n) ((uint64_t)(n) * SPPROF_OBJECTS_ONE)

/* ---- A hook without an allocator ---- */

static inline void *at(uintptr_t n) {
    return (void *)(0x10000 + n * 16);
}

static inline void *allocate(uintptr_t n, size_t size) {
    if (spprof_passes(size)) return at(n);
    spprof_ticket ticket;
    spprof_begin(&ticket, size);
    return spprof_end(&ticket, at(n));
}

static inline void fail_to_allocate(size_t size) {
    if (spprof_passes(size)) return;
    spprof_ticket ticket;
    spprof_begin(&ticket, size);
    assert_null(spprof_end(&ticket, NULL));
}

static inline void release(uintptr_t n) {
    if (spprof_may_be_live(at(n))) spprof_forget(at(n));
}

static inline void *reallocate(void *old, size_t size, void *result) {
    bool counted = sp_is_already_counted(old, size);
    if (counted) sp_already_counted_end();
    bool passes = counted || spprof_passes(size);
    if (passes && !spprof_may_be_live(old)) return result;
    spprof_ticket ticket;
    spprof_begin_realloc(&ticket, old, size, !passes);
    return spprof_end(&ticket, result);
}

/* ---- What the engine knows about it ---- */

static inline spprof_stats stats(void) {
    spprof_stats stats;
    spprof_get_stats(&stats);
    assert_int_equal(stats.total_samples, stats.live_samples + stats.freed_samples);
    return stats;
}

static inline void assert_live(uint64_t samples, uint64_t bytes) {
    spprof_stats now = stats();
    static spprof_sample listed[10000];
    assert_int_equal(now.live_samples, samples);
    assert_int_equal(now.live_bytes, bytes * SPPROF_BYTES_ONE);
    assert_int_equal(now.live_objects, samples * SPPROF_OBJECTS_ONE);
    assert_int_equal(spprof_copy_live(listed, 10000), samples);
    uint64_t sum = 0;
    for (uint64_t i = 0; i < samples; i++) sum += listed[i].size;
    assert_int_equal(sum, bytes);
}

static inline void assert_dropped(spprof_drop_reason reason, uint64_t times) {
    spprof_stats now = stats();
    for (int i = 0; i < SPPROF_DROP_REASON_COUNT; i++) assert_int_equal(now.dropped[i], i == (int)reason ? times : 0);
}

static inline void start(uint32_t rate) {
    assert_int_equal(spprof_start(rate, NULL), SPPROF_OK);
}

static inline spprof_sample live_sample(uintptr_t n) {
    static spprof_sample listed[10000];
    size_t count = spprof_copy_live(listed, 10000);
    for (size_t i = 0; i < count; i++)
        if (listed[i].address == (uintptr_t)at(n)) return listed[i];
    fail_msg("%lu is not listed", n);
    return (spprof_sample){0};
}

#endif
