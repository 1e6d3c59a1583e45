#include "stack_table.h"

#include "eviction.h"

#include <string.h>

#define MARKED_SLOT(n) ((UINT32_C(1) << SPPROF_STACK_SLOT_BITS) - 1 - (n)) /* 0: folded; 1, 2, …: full */
_Static_assert(SP_BIRTHS_MAX + 1 <= SP_STACK_SLOTS_MARKED, "each marked record has a slot");

static void mark(sp_marked_stack *marked, uint32_t slot, uint32_t code_id, uint32_t birth) {
    sp_stack_record *record = &marked->record;
    memset(marked, 0, sizeof *marked);
    atomic_store(&record->id, slot);
    record->count = 1;
    record->birth = birth;
    record->frames[0] = spprof_frame_interpreted(code_id, 0);
}

void sp_stack_table_create(sp_stack_table *table, uint64_t max) {
    sp_stack_index_create(&table->index, max);
    mark(&table->folded, MARKED_SLOT(0), SPPROF_CODE_STACKS_EVICTED, 0);
    for (uint32_t birth = 0; birth < SP_BIRTHS_MAX; birth++)
        mark(&table->full[birth], MARKED_SLOT(birth + 1), SPPROF_CODE_STACKS_FULL, birth);
}

/* ---- Interning ---- */

static void fill(sp_stack_record *record, const sp_stack_key *key, uint64_t hash) {
    atomic_store_explicit(&record->holders, 1, memory_order_relaxed);
    atomic_store_explicit(&record->logged, 0, memory_order_relaxed);
    atomic_store_explicit(&record->met_again, false, memory_order_relaxed);
    record->sums = (sp_stack_sums){0};
    atomic_store_explicit(&record->ticks.samples, 0, memory_order_relaxed);
    atomic_store_explicit(&record->ticks.weight_ns, 0, memory_order_relaxed);
    record->hash = hash;
    record->count = key->count;
    record->labels = key->labels;
    record->birth = key->birth;
    record->depth_limited = key->depth_limited;
    record->truncated = key->truncated;
    memcpy(record->frames, key->frames, key->count * sizeof *key->frames);
}

/* Return NULL if it does not fit. If two threads see the same new stack, both may add it: readers treat equal
 * records as one. */
static sp_stack_record *add(sp_stack_table *table, const sp_stack_key *key, uint64_t hash) {
    bool no_memory;
    uint64_t id = sp_stack_index_take_id(&table->index, &no_memory);
    if (id == 0) return NULL;
    sp_stack_record *record = sp_record_pool_take(&table->pool, key->count);
    if (!record) {
        sp_stack_index_give_id(&table->index, id);
        return NULL;
    }
    fill(record, key, hash);
    atomic_store_explicit(&record->id, id, memory_order_relaxed);
    sp_stack_index_add(&table->index, record);
    return record;
}

static sp_stack_record *find(sp_stack_table *table, const sp_stack_key *key, uint64_t hash) {
    uint32_t phase = sp_grace_enter(&table->grace);
    sp_stack_record *record = sp_stack_index_find(&table->index, hash, key);
    sp_grace_leave(&table->grace, phase);
    if (record && !atomic_load_explicit(&record->met_again, memory_order_relaxed))
        atomic_store_explicit(&record->met_again, true, memory_order_relaxed);
    return record;
}

static sp_stack_record *add_reading(sp_stack_table *table, const sp_stack_key *key, uint64_t hash) {
    uint32_t phase = sp_grace_enter(&table->grace);
    sp_stack_record *record = add(table, key, hash);
    sp_grace_leave(&table->grace, phase);
    return record;
}

/* The evicting thread must not be a reader at the same time: it would wait for itself. */
static sp_stack_record *add_or_mark(sp_stack_table *table, const sp_stack_key *key, uint64_t hash) {
    sp_stack_record *record = add_reading(table, key, hash);
    sp_eviction_sweep(table);
    if (!record) record = add_reading(table, key, hash);
    return record ? record : sp_stack_table_full(table);
}

sp_stack_record *sp_stack_table_intern(sp_stack_table *table, const sp_stack_key *wanted) {
    sp_stack_key key = *wanted;
    key.birth = table->birth;
    uint64_t hash = sp_stack_key_hash(&key);
    sp_stack_record *record = find(table, &key, hash);
    return record ? record : add_or_mark(table, &key, hash);
}

sp_stack_record *sp_stack_table_full(sp_stack_table *table) {
    uint32_t birth = table->birth < SP_BIRTHS_MAX ? table->birth : SP_BIRTHS_MAX - 1;
    sp_stack_hold(&table->full[birth].record);
    return &table->full[birth].record;
}

/* ---- Reading ---- */

static sp_stack_record *marked_at(sp_stack_table *table, uint32_t slot) {
    uint32_t place = MARKED_SLOT(0) - slot;
    if (place == 0) return &table->folded.record;
    return place <= SP_BIRTHS_MAX ? &table->full[place - 1].record : NULL;
}

sp_stack_record *sp_stack_table_get(sp_stack_table *table, uint64_t id) {
    uint32_t slot = spprof_stack_slot(id);
    sp_stack_record *record =
        slot > SP_STACK_SLOTS_MAX ? marked_at(table, slot) : sp_stack_index_at(&table->index, slot);
    return record && atomic_load_explicit(&record->id, memory_order_relaxed) == id ? record : NULL;
}

static bool is_used(sp_stack_record *marked) {
    return sp_stack_sums_read(&marked->sums).allocated.samples > 0 || atomic_load(&marked->logged) > 0;
}

sp_stack_record *sp_stack_table_next(sp_stack_table *table, uint32_t *slot) {
    while (*slot < atomic_load(&table->index.used)) {
        sp_stack_record *record = sp_stack_index_at(&table->index, ++*slot);
        if (record) return record;
    }
    if (*slot < MARKED_SLOT(SP_BIRTHS_MAX)) *slot = MARKED_SLOT(SP_BIRTHS_MAX) - 1;
    while (*slot < MARKED_SLOT(0)) {
        sp_stack_record *record = marked_at(table, ++*slot);
        if (is_used(record)) return record;
    }
    return NULL;
}

sp_stack_sums sp_stack_table_sum_full(sp_stack_table *table) {
    sp_stack_sums sum = {0};
    for (uint32_t birth = 0; birth < SP_BIRTHS_MAX; birth++) {
        sp_stack_sums marked = sp_stack_sums_read(&table->full[birth].record.sums);
        spprof_sums_add(&sum.allocated, &marked.allocated);
        spprof_sums_add(&sum.live, &marked.live);
    }
    return sum;
}

/* ---- Fork ---- */

void sp_stack_table_repair_after_fork(sp_stack_table *table, bool reading) {
    sp_eviction_repair_after_fork(table);
    if (!reading) sp_grace_reset_after_fork(&table->grace);
    table->birth++;
}
