#include "filter.h"

#include "memory.h"

#include <string.h>

#define STUCK 255

#define EMPTY_COUNTERS (1 << SP_SHARD_BITS)
const spprof_filter sp_filter_empty = {.shift = 64 - SP_SHARD_BITS, .counters = {[EMPTY_COUNTERS - 1] = 0}};

spprof_filter *sp_filter_create(unsigned bits) {
    spprof_filter *filter = sp_memory_map_dense(sizeof *filter + ((size_t)1 << bits));
    if (filter) filter->shift = 64 - bits;
    return filter;
}

static uint8_t *counter(const spprof_filter *filter, uint64_t hash) {
    return (uint8_t *)filter->counters + (hash >> filter->shift);
}

/* Plain reads and relaxed stores: the shard's lock admits one writer, and readers only ask for zero. */
void sp_filter_add(const spprof_filter *filter, uint64_t hash) {
    uint8_t *byte = counter(filter, hash);
    if (*byte != STUCK) __atomic_store_n(byte, (uint8_t)(*byte + 1), __ATOMIC_RELAXED);
}

void sp_filter_remove(const spprof_filter *filter, uint64_t hash) {
    uint8_t *byte = counter(filter, hash);
    if (*byte != STUCK && *byte != 0) __atomic_store_n(byte, (uint8_t)(*byte - 1), __ATOMIC_RELAXED);
}

void sp_filter_clear(const spprof_filter *filter) {
    memset((uint8_t *)filter->counters, 0, (size_t)1 << (64 - filter->shift));
}
