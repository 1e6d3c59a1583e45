/* stack_index.h: stack records by content and by id.
 *
 *   by content:  bucket ──► record ──► record            new ones at the head; only the evictor removes
 *   by id:       id = [ generation 44 | slot 20 ]        slot: record, or [ next generation | next free slot | 1 ]
 *
 * When a slot is reused, its generation grows, so no id is ever reused for another stack. As long as a table has never
 * been full, its ids are 1, 2, 3, …
 *
 * Memory:  one mapping, created with the first record: a word for each slot, and a bucket for every four slots.
 * Threads: any thread may find, take or add, lock-free, within a reader's section (grace.h); one thread at a time
 *          removes.
 * Signals: safe.
 * Full:    sp_stack_index_take_id returns 0.
 */
#ifndef SP_STACK_INDEX_H
#define SP_STACK_INDEX_H

#include "stack_record.h"

#define SP_STACK_SLOTS_MARKED 32 /* the last slots, for records that are in no bucket (stack_table.h) */
#define SP_STACK_SLOTS_MAX ((UINT32_C(1) << SPPROF_STACK_SLOT_BITS) - 1 - SP_STACK_SLOTS_MARKED)

typedef struct sp_stack_index {
    _Atomic(_Atomic uint64_t *) room; /* max + 1 slots (slot 0 is unused), then the buckets */
    uint32_t max, bucket_mask;
    _Atomic uint32_t used;  /* slots that have been taken at least once: 1 … used */
    _Atomic uint32_t count; /* records in buckets */
    _Atomic uint64_t free;  /* [ tag 44 | slot 20 ]; slot 0: none */
} sp_stack_index;

typedef struct sp_stack_key {
    const uint64_t *frames;
    uint32_t count;
    uint32_t labels;
    bool depth_limited, truncated;
    uint32_t birth; /* sp_stack_table_intern fills it in */
} sp_stack_key;

uint64_t sp_stack_key_hash(const sp_stack_key *key);

void sp_stack_index_create(sp_stack_index *index, uint64_t max);

/* Return the record with a hold on it, or NULL if there is none. */
sp_stack_record *sp_stack_index_find(sp_stack_index *index, uint64_t hash, const sp_stack_key *key);

/* Return the id for a new record; 0 if all slots are taken, or if there is no memory, which sets *no_memory. If no
 * record can be created for the id, give it back. */
uint64_t sp_stack_index_take_id(sp_stack_index *index, bool *no_memory);
void sp_stack_index_give_id(sp_stack_index *index, uint64_t id);

/* Make a record visible. It must be complete and must have its id. */
void sp_stack_index_add(sp_stack_index *index, sp_stack_record *record);

/* Remove a record from both the buckets and the slots. This has no effect on a record that is already out. */
void sp_stack_index_remove(sp_stack_index *index, sp_stack_record *record);

/* Return the record in a slot; NULL if there is none. It stays valid only while a holder needs it or the evictor is
 * kept out. */
sp_stack_record *sp_stack_index_at(sp_stack_index *index, uint32_t slot);

/* Rebuild the list of free slots and recount. Call this in a forked child where a removal was under way, on its only
 * thread. */
void sp_stack_index_repair_after_fork(sp_stack_index *index);

#endif
