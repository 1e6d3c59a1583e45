#include "intern_table.h"

#include "memory.h"

#include <stddef.h>
#include <string.h>

#define FIRST_BITS 10

struct sp_intern_level {
    uint64_t mask;
    _Atomic uint64_t used;
    _Atomic(sp_intern_record *) slots[];
};

struct sp_intern_page {
    _Atomic(sp_intern_record *) records[SP_INTERN_PAGE_SIZE];
};

void sp_intern_table_create(sp_intern_table *table, uint64_t max) {
    table->max = max < SP_INTERN_MAX ? (uint32_t)max : SP_INTERN_MAX;
}

/* ---- By content ---- */

static sp_intern_record *find_in_level(sp_intern_level *level, uint64_t hash, sp_intern_equal *equal, const void *key) {
    for (uint64_t probe = 0; probe <= level->mask; probe++) {
        sp_intern_record *record =
            atomic_load_explicit(&level->slots[(hash + probe) & level->mask], memory_order_acquire);
        if (!record) return NULL;
        if (record->hash == hash && equal(record, key)) return record;
    }
    return NULL;
}

sp_intern_record *sp_intern_table_find(sp_intern_table *table, uint64_t hash, sp_intern_equal *equal, const void *key) {
    for (int i = 0; i < SP_INTERN_LEVELS; i++) {
        sp_intern_level *level = atomic_load_explicit(&table->levels[i], memory_order_acquire);
        if (!level) return NULL;
        sp_intern_record *record = find_in_level(level, hash, equal, key);
        if (record) return record;
    }
    return NULL;
}

/* Return level `i`, creating it if necessary; NULL if there is no memory. */
static sp_intern_level *level_at(sp_intern_table *table, int i) {
    sp_intern_level *level = atomic_load_explicit(&table->levels[i], memory_order_acquire);
    if (level) return level;
    uint64_t slots = UINT64_C(1) << (FIRST_BITS + i);
    size_t bytes = sizeof(sp_intern_level) + slots * sizeof(sp_intern_record *);
    sp_intern_level *fresh = sp_memory_map(bytes);
    if (!fresh) return NULL;
    fresh->mask = slots - 1;
    if (atomic_compare_exchange_strong(&table->levels[i], &level, fresh)) return fresh;
    sp_memory_unmap(fresh, bytes);
    return level;
}

/* Reserve one of a level's slots. At most three quarters of them may be used. */
static bool reserve(sp_intern_level *level) {
    if (atomic_load_explicit(&level->used, memory_order_relaxed) * 4 >= (level->mask + 1) * 3) return false;
    return atomic_fetch_add_explicit(&level->used, 1, memory_order_relaxed) < level->mask;
}

static void put(sp_intern_level *level, sp_intern_record *record) {
    for (uint64_t probe = record->hash;; probe++) {
        sp_intern_record *empty = NULL;
        if (atomic_compare_exchange_strong_explicit(&level->slots[probe & level->mask], &empty, record,
                                                    memory_order_acq_rel, memory_order_relaxed))
            return;
    }
}

/* ---- By id ---- */

static sp_intern_page *page_at(sp_intern_table *table, uint32_t index) {
    sp_intern_page *page = atomic_load_explicit(&table->pages[index], memory_order_acquire);
    if (page) return page;
    sp_intern_page *fresh = sp_memory_map(sizeof *fresh);
    if (!fresh) return NULL;
    if (atomic_compare_exchange_strong(&table->pages[index], &page, fresh)) return fresh;
    sp_memory_unmap(fresh, sizeof *fresh);
    return page;
}

/* Create the page first, so that a shortage of memory does not use up ids. If threads race for the last id of a
 * page, one id may be lost without a record: ids are names, not counts. */
static sp_intern_result give_id(sp_intern_table *table, sp_intern_record *record) {
    uint32_t last = atomic_load_explicit(&table->last_id, memory_order_relaxed);
    if (last >= table->max) return SP_INTERN_FULL;
    if (!page_at(table, (last + 1) / SP_INTERN_PAGE_SIZE)) return SP_INTERN_NO_MEMORY;
    uint32_t id = atomic_fetch_add_explicit(&table->last_id, 1, memory_order_relaxed) + 1;
    if (id > table->max) {
        atomic_fetch_sub_explicit(&table->last_id, 1, memory_order_relaxed);
        return SP_INTERN_FULL;
    }
    sp_intern_page *page = page_at(table, id / SP_INTERN_PAGE_SIZE);
    if (!page) return SP_INTERN_NO_MEMORY;
    record->id = id;
    atomic_store_explicit(&page->records[id % SP_INTERN_PAGE_SIZE], record, memory_order_release);
    return SP_INTERN_ADDED;
}

sp_intern_record *sp_intern_table_get(sp_intern_table *table, uint32_t id) {
    if (id / SP_INTERN_PAGE_SIZE >= SP_INTERN_PAGES) return NULL;
    sp_intern_page *page = atomic_load_explicit(&table->pages[id / SP_INTERN_PAGE_SIZE], memory_order_acquire);
    if (!page) return NULL;
    return atomic_load_explicit(&page->records[id % SP_INTERN_PAGE_SIZE], memory_order_acquire);
}

sp_intern_result sp_intern_table_add(sp_intern_table *table, sp_intern_record *record) {
    for (int i = 0; i < SP_INTERN_LEVELS; i++) {
        sp_intern_level *level = level_at(table, i);
        if (!level) return SP_INTERN_NO_MEMORY;
        if (!reserve(level)) continue;
        sp_intern_result result = give_id(table, record);
        if (result != SP_INTERN_ADDED) {
            atomic_fetch_sub_explicit(&level->used, 1, memory_order_relaxed);
            return result;
        }
        put(level, record);
        atomic_fetch_add_explicit(&table->count, 1, memory_order_relaxed);
        return SP_INTERN_ADDED;
    }
    return SP_INTERN_FULL;
}

/* ---- Hashes ---- */

#define MULTIPLIER UINT64_C(0x9FB21C651E98DF25)

static uint64_t stir(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * MULTIPLIER;
    return hash ^ hash >> 32;
}

uint64_t sp_intern_hash_words(uint64_t seed, const uint64_t *words, uint64_t count) {
    uint64_t hash = stir(seed, count);
    for (uint64_t i = 0; i < count; i++) hash = stir(hash, words[i]);
    return stir(hash, hash >> 29);
}

uint64_t sp_intern_hash_bytes(uint64_t seed, const void *bytes, uint64_t count) {
    uint64_t hash = stir(seed, count);
    const char *at = bytes;
    for (; count >= 8; at += 8, count -= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        hash = stir(hash, word);
    }
    uint64_t rest = 0;
    memcpy(&rest, at, count);
    return stir(stir(hash, rest), hash >> 29);
}
