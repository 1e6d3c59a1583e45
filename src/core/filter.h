/* filter.h: one byte for each hash of addresses, so that free can tell "certainly not sampled" with one load.
 *
 *   index: [ 1.118 for each 16 bytes of the address, cut to the filter's size … | its last 6 bits: the shard ]
 *
 * Each live sample counts at two indices of its shard. A free reads the first (spprof_may_be_live); only where that is
 * not zero does the second, of an independent hash, settle whether the table's lock is worth taking. A counter that
 * reaches 255 sticks until the filter is rebuilt.
 *
 * Memory:  header and counters are one mapping, replaced when it grows and never unmapped.
 * Threads: counters are written under the lock of the shard they belong to, and read by anyone.
 * Full:    sp_filter_create returns NULL; a filter that could not grow only errs more often towards "maybe".
 */
#ifndef SP_FILTER_H
#define SP_FILTER_H

#include "spprof.h"

#define SP_SHARD_BITS 6
#define SP_FILTER_BITS_MIN 17 /* 128 KiB: fits the second-level cache */
#define SP_FILTER_BITS_MAX 26

/* Says "certainly not" to everything: before the first start and after shutdown. */
extern const spprof_filter sp_filter_empty;

/* 2^bits counters of zero. */
spprof_filter *sp_filter_create(unsigned bits);
void sp_filter_add(const spprof_filter *filter, uintptr_t address);
void sp_filter_remove(const spprof_filter *filter, uintptr_t address);
/* log2 of the number of counters. */
unsigned sp_filter_bits(const spprof_filter *filter);
/* Which shard of the live table an address belongs to. */
static inline unsigned sp_filter_shard(uintptr_t address) {
    return spprof_filter_place(address) & ((1 << SP_SHARD_BITS) - 1);
}
/* The other counter of an address: the shard's bits stay, above them stand those of another hash. */
uint64_t sp_filter_second_index(const spprof_filter *filter, uintptr_t address);

/* False: certainly not in. Any thread, without a lock. */
bool sp_filter_holds(const spprof_filter *filter, uintptr_t address);
void sp_filter_clear(const spprof_filter *filter);

#endif
