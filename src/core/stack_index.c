#include "stack_index.h"

#include "intern_table.h"
#include "memory.h"

#include <string.h>

#define SLOT_MASK ((UINT64_C(1) << SPPROF_STACK_SLOT_BITS) - 1)
#define FREE_BIT 1 /* records are aligned, so bit 0 is free */
#define SLOTS_PER_BUCKET 4

/* Loads of links are sequentially consistent; see sp_grace_enter. */
typedef _Atomic(sp_stack_record *) link;

void sp_stack_index_create(sp_stack_index *index, uint64_t max) {
    index->max = max < SP_STACK_SLOTS_MAX ? (uint32_t)max : SP_STACK_SLOTS_MAX;
    uint32_t buckets = 64;
    while ((uint64_t)buckets * SLOTS_PER_BUCKET < index->max) buckets *= 2;
    index->bucket_mask = buckets - 1;
}

/* ---- Memory ---- */

static _Atomic uint64_t *room_of(sp_stack_index *index) {
    return atomic_load_explicit(&index->room, memory_order_acquire);
}

/* Return NULL if there is no memory. */
static _Atomic uint64_t *make_room(sp_stack_index *index) {
    _Atomic uint64_t *room = room_of(index);
    if (room) return room;
    size_t bytes = ((size_t)index->max + 1 + index->bucket_mask + 1) * sizeof *room;
    _Atomic uint64_t *fresh = sp_memory_map(bytes);
    if (!fresh) return NULL;
    if (atomic_compare_exchange_strong(&index->room, &room, fresh)) return fresh;
    sp_memory_unmap((void *)fresh, bytes);
    return room;
}

static _Atomic uint64_t *slot_at(sp_stack_index *index, uint64_t id) {
    return room_of(index) + (id & SLOT_MASK);
}

_Static_assert(sizeof(link) == sizeof(uint64_t), "slots and buckets are words");

static link *bucket_of(sp_stack_index *index, uint64_t hash) {
    return (link *)(room_of(index) + index->max + 1) + (hash & index->bucket_mask);
}

/* ---- By content ---- */

uint64_t sp_stack_key_hash(const sp_stack_key *key) {
    uint64_t seed = (uint64_t)key->labels << 32 | (uint64_t)key->birth << 2 | (uint64_t)key->depth_limited << 1;
    return sp_intern_hash_words(seed | key->truncated, key->frames, key->count);
}

static bool has_key(const sp_stack_record *record, const sp_stack_key *key) {
    return record->count == key->count && record->labels == key->labels && record->birth == key->birth &&
           record->depth_limited == key->depth_limited && record->truncated == key->truncated &&
           memcmp(record->frames, key->frames, key->count * sizeof *key->frames) == 0;
}

sp_stack_record *sp_stack_index_find(sp_stack_index *index, uint64_t hash, const sp_stack_key *key) {
    if (!room_of(index)) return NULL;
    for (sp_stack_record *at = atomic_load(bucket_of(index, hash)); at; at = atomic_load(&at->next))
        if (at->hash == hash && has_key(at, key) && sp_stack_hold(at)) return at;
    return NULL;
}

/* There is no ABA problem: a record that is removed from the head and freed in the meantime cannot come back before
 * this reader leaves. */
static void push(link *bucket, sp_stack_record *record) {
    sp_stack_record *head = atomic_load(bucket);
    do atomic_store_explicit(&record->next, head, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(bucket, &head, record));
}

/* Return the link that points to `record`; NULL if there is none. */
static link *find_link(link *bucket, const sp_stack_record *record) {
    link *at = bucket;
    sp_stack_record *next;
    while ((next = atomic_load(at)) != record) {
        if (!next) return NULL;
        at = &next->next;
    }
    return at;
}

/* Only one thread writes links, except at the head. There, another thread may add a record first: then search again. */
static void unlink_record(link *bucket, sp_stack_record *record) {
    sp_stack_record *next = atomic_load(&record->next);
    for (;;) {
        link *at = find_link(bucket, record);
        sp_stack_record *expected = record;
        if (!at || atomic_compare_exchange_strong(at, &expected, next)) return;
    }
}

/* ---- By id ---- */

/* A free slot's word holds the generation of the next id and the next free slot. */
static uint64_t free_word(uint64_t generation, uint64_t next) {
    return generation << (SPPROF_STACK_SLOT_BITS + 1) | next << 1 | FREE_BIT;
}

static uint64_t next_free(uint64_t word) {
    return word >> 1 & SLOT_MASK;
}

static uint64_t next_id(uint64_t word, uint64_t slot) {
    return word >> (SPPROF_STACK_SLOT_BITS + 1) << SPPROF_STACK_SLOT_BITS | slot;
}

static uint64_t head_after(uint64_t head, uint64_t slot) {
    return (head & ~SLOT_MASK) + (UINT64_C(1) << SPPROF_STACK_SLOT_BITS) + slot;
}

static uint64_t take_freed(sp_stack_index *index) {
    uint64_t head = atomic_load_explicit(&index->free, memory_order_acquire);
    for (;;) {
        uint64_t slot = head & SLOT_MASK;
        if (slot == 0) return 0;
        uint64_t word = atomic_load_explicit(slot_at(index, slot), memory_order_acquire);
        if (atomic_compare_exchange_weak_explicit(&index->free, &head, head_after(head, next_free(word)),
                                                  memory_order_acquire, memory_order_acquire))
            return next_id(word, slot);
    }
}

static void give_freed(sp_stack_index *index, uint64_t slot, uint64_t generation) {
    uint64_t head = atomic_load_explicit(&index->free, memory_order_relaxed);
    do atomic_store_explicit(slot_at(index, slot), free_word(generation, head & SLOT_MASK), memory_order_release);
    while (!atomic_compare_exchange_weak_explicit(&index->free, &head, head_after(head, slot), memory_order_release,
                                                  memory_order_relaxed));
}

static uint64_t take_fresh(sp_stack_index *index) {
    uint32_t used = atomic_load_explicit(&index->used, memory_order_relaxed);
    do
        if (used == index->max) return 0;
    while (!atomic_compare_exchange_weak_explicit(&index->used, &used, used + 1, memory_order_relaxed,
                                                  memory_order_relaxed));
    return used + 1;
}

uint64_t sp_stack_index_take_id(sp_stack_index *index, bool *no_memory) {
    *no_memory = !make_room(index);
    if (*no_memory) return 0;
    uint64_t id = take_freed(index);
    return id ? id : take_fresh(index);
}

void sp_stack_index_give_id(sp_stack_index *index, uint64_t id) {
    give_freed(index, id & SLOT_MASK, (id >> SPPROF_STACK_SLOT_BITS) + 1);
}

sp_stack_record *sp_stack_index_at(sp_stack_index *index, uint32_t slot) {
    if (slot == 0 || slot > atomic_load_explicit(&index->used, memory_order_relaxed)) return NULL;
    uint64_t word = atomic_load(slot_at(index, slot));
    return word & FREE_BIT ? NULL : (sp_stack_record *)(uintptr_t)word;
}

/* ---- Both ---- */

/* Make it findable by id first: a thread that finds it by content may pass its id on. */
void sp_stack_index_add(sp_stack_index *index, sp_stack_record *record) {
    uint64_t id = atomic_load_explicit(&record->id, memory_order_relaxed);
    atomic_store(slot_at(index, id), (uint64_t)(uintptr_t)record);
    push(bucket_of(index, record->hash), record);
    atomic_fetch_add_explicit(&index->count, 1, memory_order_relaxed);
}

void sp_stack_index_remove(sp_stack_index *index, sp_stack_record *record) {
    uint64_t id = atomic_load_explicit(&record->id, memory_order_relaxed);
    unlink_record(bucket_of(index, record->hash), record);
    if (atomic_load_explicit(slot_at(index, id), memory_order_relaxed) != (uint64_t)(uintptr_t)record) return;
    sp_stack_index_give_id(index, id);
    atomic_fetch_sub_explicit(&index->count, 1, memory_order_relaxed);
}

/* Slots that another thread of the parent had taken but not yet filled are also free. */
void sp_stack_index_repair_after_fork(sp_stack_index *index) {
    uint32_t count = 0, used = atomic_load(&index->used);
    atomic_store(&index->free, 0);
    for (uint32_t slot = used; slot > 0; slot--) {
        uint64_t word = atomic_load(slot_at(index, slot));
        if (word == 0 || word & FREE_BIT)
            give_freed(index, slot, word >> (SPPROF_STACK_SLOT_BITS + 1));
        else
            count++;
    }
    atomic_store(&index->count, count);
}
