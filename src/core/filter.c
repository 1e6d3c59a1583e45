#include "filter.h"

#include "memory.h"

#include <string.h>

#define STUCK 255

#define EMPTY_COUNTERS (1 << SP_SHARD_BITS)
const spprof_filter sp_filter_empty = {.last = EMPTY_COUNTERS - 1, .counters = {[EMPTY_COUNTERS - 1] = 0}};

spprof_filter *sp_filter_create(unsigned bits) {
    spprof_filter *filter = sp_memory_map_dense(sizeof *filter + ((size_t)1 << bits));
    if (filter) filter->last = (UINT32_C(1) << bits) - 1;
    return filter;
}

unsigned sp_filter_bits(const spprof_filter *filter) {
    return (unsigned)__builtin_popcount(filter->last);
}

uint64_t sp_filter_second_index(const spprof_filter *filter, uintptr_t address) {
    uint64_t hash = spprof_hash_address(address);
    uint64_t again = (hash ^ hash >> 29) * UINT64_C(0xBF58476D1CE4E5B9);
    return (again >> 32 << SP_SHARD_BITS | sp_filter_shard(address)) & filter->last;
}

static uint8_t *first_counter(const spprof_filter *filter, uintptr_t address) {
    return (uint8_t *)filter->counters + spprof_filter_index(filter, address);
}

static uint8_t *second_counter(const spprof_filter *filter, uintptr_t address) {
    return (uint8_t *)filter->counters + sp_filter_second_index(filter, address);
}

/* Plain reads and relaxed stores suffice: the shard's lock admits one writer, and readers only compare with zero. */
static void increase(uint8_t *counter) {
    if (*counter != STUCK) __atomic_store_n(counter, (uint8_t)(*counter + 1), __ATOMIC_RELAXED);
}

static void decrease(uint8_t *counter) {
    if (*counter != STUCK && *counter != 0) __atomic_store_n(counter, (uint8_t)(*counter - 1), __ATOMIC_RELAXED);
}

void sp_filter_add(const spprof_filter *filter, uintptr_t address) {
    if (filter == &sp_filter_empty) return; /* read-only: it was published while this entry was being inserted */
    increase(first_counter(filter, address));
    increase(second_counter(filter, address));
}

void sp_filter_remove(const spprof_filter *filter, uintptr_t address) {
    decrease(first_counter(filter, address));
    decrease(second_counter(filter, address));
}

bool sp_filter_holds(const spprof_filter *filter, uintptr_t address) {
    return __atomic_load_n(first_counter(filter, address), __ATOMIC_RELAXED) != 0 &&
           __atomic_load_n(second_counter(filter, address), __ATOMIC_RELAXED) != 0;
}

void sp_filter_clear(const spprof_filter *filter) {
    memset((uint8_t *)filter->counters, 0, (size_t)filter->last + 1);
}
