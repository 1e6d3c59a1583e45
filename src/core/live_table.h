/* live_table.h: sampled allocations that are still live, by address.
 *
 *   place in the filter: [ … | 6 bits: shard ]      hash of the address: [ bits: slot | … ]
 *   shard: lock | sequence | slots ──► [ sample | sample | … ]   linear probing, 2^n slots, address 0 = empty
 *
 * Removal shifts the following entries back, so there are no tombstones and the cost does not grow with age.
 *
 * Memory:  a mapping per shard, doubled at 3/4 load and then unmapped; a filter (filter.h), doubled when the live
 *          samples exceed 1/32 of its counters. Never calls malloc.
 * Threads: any thread inserts and removes; one lock per shard.
 * Signals: not safe.
 * Fork:    a shard's sequence is odd while it is being changed; the child rebuilds such shards.
 * Full:    insert reports it; the caller thins the samples out, or counts the drop.
 */
#ifndef SP_LIVE_TABLE_H
#define SP_LIVE_TABLE_H

#include "filter.h"
#include "lock.h"
#include "spprof.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define SP_SHARDS (1 << SP_SHARD_BITS)

typedef struct sp_live_slots sp_live_slots;

typedef struct sp_live_shard {
    _Alignas(64) sp_lock lock;
    _Atomic uint32_t sequence;      /* odd: being changed (used by fork only) */
    _Atomic(sp_live_slots *) slots; /* NULL until the first insert; written under lock */
    size_t count;                   /* protected by the lock */
    uint32_t min_rate;              /* protected by the lock: minimum rate of all its samples, 0 = any */
} sp_live_shard;

typedef struct sp_live_table {
    sp_live_shard shards[SP_SHARDS];
    const spprof_filter **filter; /* the filter that frees read; written while all shard locks are held */
    bool closed;                  /* accessed while all shard locks are held: no other filter is published */
    _Atomic size_t count;
    size_t max;
} sp_live_table;

typedef enum sp_insert_result {
    SP_INSERTED,
    SP_REPLACED,   /* the address was already listed, so its free was missed; the old entry is returned */
    SP_TOO_FINE,   /* its rate is below the shard's, which is returned as the rate of `replaced` (thinning.h) */
    SP_TABLE_FULL, /* there are `max` entries */
    SP_TABLE_NO_MEMORY,
    SP_TABLE_CLOSED /* after sp_live_table_close */
} sp_insert_result;

/* Prepare an empty table of at most `max` entries. It publishes its filter at *filter. Return false if there is no
 * memory. */
bool sp_live_table_create(sp_live_table *table, const spprof_filter **filter, size_t max);

/* Insert a sample. Every thread's frees can see it before this function returns. If it returns SP_REPLACED,
 * `replaced` receives the old entry. */
sp_insert_result sp_live_table_insert(sp_live_table *table, const spprof_sample *sample, spprof_sample *replaced);

/* Remove the entry at `address`. Return false if there is none. */
bool sp_live_table_remove(sp_live_table *table, uintptr_t address, spprof_sample *removed);

/* Like sp_live_table_remove(), but keep the entry if it is newer than the sample `last_serial`. This is for a
 * delayed free: in the meantime, another thread may have received the address. */
bool sp_live_table_remove_until(sp_live_table *table, uintptr_t address, uint64_t last_serial, spprof_sample *removed);

/* Decide whether a sample stays, at its new rate. This callback runs under the shard's lock. */
typedef bool sp_live_thin(spprof_sample *sample, uint32_t rate, void *data);

/* Call `thin` for each sample whose rate is below `rate`, shard by shard. From then on the table contains no such
 * samples and rejects new ones. */
void sp_live_table_thin(sp_live_table *table, uint32_t rate, sp_live_thin *thin, void *data);

/* Accept samples of this smaller rate again. */
void sp_live_table_let_finer_in(sp_live_table *table, uint32_t rate);

/* Copy up to `capacity` entries of one shard. */
size_t sp_live_table_copy_shard(sp_live_table *table, unsigned shard, spprof_sample *out, size_t capacity);

size_t sp_live_table_count(sp_live_table *table);

/* Copy up to `capacity` entries, one shard at a time; return how many entries there were. */
size_t sp_live_table_copy(sp_live_table *table, spprof_sample *out, size_t capacity);

/* Publish the empty filter, so that from now on every free passes. The entries stay in the table. */
void sp_live_table_close(sp_live_table *table);

/* Repair the table in a forked child: reset the locks and rebuild the shards that were being changed (a half-moved
 * entry counts once). If there were any, recount. */
void sp_live_table_repair_after_fork(sp_live_table *table);

#endif
