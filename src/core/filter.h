/* filter.h: one byte for each hash of an address, so that a free can see "certainly not sampled" with one load.
 *
 *   index: [ 1.118 for each 16 bytes of the address, cut to the filter's size … | its last 6 bits: the shard ]
 *
 * Each live sample is counted at two indices of its shard. A free reads the first one (spprof_may_be_live). If that is
 * not zero, the second one, from an independent hash, decides whether the table's lock is worth taking. A counter that
 * reaches 255 stays there until the filter is rebuilt.
 *
 * Memory:  header and counters share one mapping, replaced when the filter grows and never unmapped.
 * Threads: counters are written under the lock of their shard and read by any thread.
 * Full:    sp_filter_create returns NULL; a filter that could not grow only says "maybe" more often.
 */
#ifndef SP_FILTER_H
#define SP_FILTER_H

#include "spprof.h"

#define SP_SHARD_BITS 6
#define SP_FILTER_BITS_MIN 17 /* 128 KiB: fits in the second-level cache */
#define SP_FILTER_BITS_MAX 26

/* This filter answers "certainly not" for every address. It is used before the first start and after shutdown. */
extern const spprof_filter sp_filter_empty;

/* Create a filter of 2^bits counters, all zero. */
spprof_filter *sp_filter_create(unsigned bits);
void sp_filter_add(const spprof_filter *filter, uintptr_t address);
void sp_filter_remove(const spprof_filter *filter, uintptr_t address);
/* Return the base-2 logarithm of the number of counters. */
unsigned sp_filter_bits(const spprof_filter *filter);
/* Return the shard of the live table to which an address belongs. */
static inline unsigned sp_filter_shard(uintptr_t address) {
    return spprof_filter_place(address) & ((1 << SP_SHARD_BITS) - 1);
}
/* Return the index of an address's second counter. The bits that select the shard are the same; the bits above them
 * come from another hash. */
uint64_t sp_filter_second_index(const spprof_filter *filter, uintptr_t address);

/* Return false if the address is certainly not in the filter. Any thread may call this without a lock. */
bool sp_filter_holds(const spprof_filter *filter, uintptr_t address);
void sp_filter_clear(const spprof_filter *filter);

#endif
