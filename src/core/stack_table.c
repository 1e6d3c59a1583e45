#include "stack_table.h"

#include <string.h>

void sp_stack_table_create(sp_stack_table *table, uint64_t max) {
    sp_intern_table_create(&table->interned, max);
}

static bool equal(const sp_intern_record *record, const void *wanted) {
    const sp_stack_record *stack = (const sp_stack_record *)record;
    const sp_stack_key *key = wanted;
    return stack->count == key->count && stack->depth_limited == key->depth_limited &&
           stack->truncated == key->truncated &&
           memcmp(stack->frames, key->frames, key->count * sizeof *key->frames) == 0;
}

static sp_stack_record *create_record(sp_stack_table *table, const sp_stack_key *key, uint64_t hash) {
    size_t frames_bytes = key->count * sizeof *key->frames;
    sp_stack_record *record = sp_arena_allocate(&table->arena, sizeof *record + frames_bytes);
    if (!record) return NULL;
    record->head.hash = hash;
    record->count = key->count;
    record->depth_limited = key->depth_limited;
    record->truncated = key->truncated;
    memcpy(record->frames, key->frames, frames_bytes);
    return record;
}

sp_stack_record *sp_stack_table_intern(sp_stack_table *table, const sp_stack_key *key, spprof_drop_reason *reason) {
    uint64_t seed = (uint64_t)key->depth_limited << 1 | key->truncated;
    uint64_t hash = sp_intern_hash_words(seed, key->frames, key->count);
    sp_intern_record *known = sp_intern_table_find(&table->interned, hash, equal, key);
    if (known) return (sp_stack_record *)known;
    *reason = SPPROF_DROP_STACK_TABLE_FULL; /* asked before a record is made: a full table leaks no arena */
    if (atomic_load_explicit(&table->interned.last_id, memory_order_relaxed) >= table->interned.max) return NULL;
    *reason = SPPROF_DROP_OUT_OF_MEMORY;
    sp_stack_record *record = create_record(table, key, hash);
    if (!record) return NULL;
    sp_intern_result result = sp_intern_table_add(&table->interned, &record->head);
    if (result == SP_INTERN_FULL) *reason = SPPROF_DROP_STACK_TABLE_FULL;
    return result == SP_INTERN_ADDED ? record : NULL;
}

sp_stack_record *sp_stack_table_get(sp_stack_table *table, uint32_t id) {
    return (sp_stack_record *)sp_intern_table_get(&table->interned, id);
}

static void add(_Atomic uint64_t *total, uint64_t value) {
    atomic_fetch_add_explicit(total, value, memory_order_relaxed);
}

static void add_real(_Atomic double *total, double value) {
    double before = atomic_load_explicit(total, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(total, &before, before + value, memory_order_relaxed,
                                                  memory_order_relaxed)) {
    }
}

/* sign = −1 takes back. Returns how many samples there were. */
static uint64_t add_signed(sp_stack_record *record, spprof_weight weight, int sign) {
    double bytes = (double)weight.bytes / SPPROF_BYTES_ONE;
    double unseen = 1 - weight.probability;
    add(&record->site.allocated_bytes, (uint64_t)sign * weight.bytes);
    add(&record->site.allocated_objects, (uint64_t)sign * weight.objects);
    add_real(&record->site.variance, sign * unseen * bytes * bytes);
    add_real(&record->site.skewness, sign * unseen * unseen * bytes * bytes * bytes);
    return atomic_fetch_add_explicit(&record->site.samples, (uint64_t)sign, memory_order_relaxed);
}

bool sp_stack_add_allocated(sp_stack_record *record, spprof_weight weight) {
    return add_signed(record, weight, 1) == 0;
}

bool sp_stack_take_back(sp_stack_record *record, spprof_weight weight) {
    return add_signed(record, weight, -1) == 1;
}

void sp_stack_add_freed(sp_stack_record *record, spprof_weight weight) {
    add(&record->site.freed_samples, 1);
    add(&record->site.freed_bytes, weight.bytes);
    add(&record->site.freed_objects, weight.objects);
}

/* Freed first: what is freed later was allocated before, so freed never exceeds allocated. */
spprof_site sp_stack_read_site(sp_stack_record *record) {
    spprof_site site;
    site.freed_samples = atomic_load(&record->site.freed_samples);
    site.freed_bytes = atomic_load(&record->site.freed_bytes);
    site.freed_objects = atomic_load(&record->site.freed_objects);
    site.samples = atomic_load(&record->site.samples);
    site.allocated_bytes = atomic_load(&record->site.allocated_bytes);
    site.allocated_objects = atomic_load(&record->site.allocated_objects);
    site.variance = atomic_load(&record->site.variance);
    site.skewness = atomic_load(&record->site.skewness);
    return site;
}
