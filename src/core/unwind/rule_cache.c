#include "rule_cache.h"

_Atomic uint64_t sp_rule_cache[SP_RULE_CACHE_SETS][SP_RULE_CACHE_WAYS] __attribute__((aligned(64)));

static uint64_t load(const _Atomic uint64_t *word) {
    return atomic_load_explicit(word, memory_order_relaxed);
}

static void store(_Atomic uint64_t *word, uint64_t value) {
    atomic_store_explicit(word, value, memory_order_relaxed);
}

void sp_rule_cache_insert(uintptr_t pc, sp_rule rule) {
    uint64_t hash = sp_rule_cache_hash(pc);
    _Atomic uint64_t *set = sp_rule_cache[hash >> 32];
    store(&set[1], load(&set[0]));
    store(&set[0], hash << 32 | rule);
}

/* Zero words are only read, so that unused pages are not made resident. */
void sp_rule_cache_clear(void) {
    for (size_t i = 0; i < SP_RULE_CACHE_SETS; i++)
        for (size_t way = 0; way < SP_RULE_CACHE_WAYS; way++)
            if (load(&sp_rule_cache[i][way]) != 0) store(&sp_rule_cache[i][way], 0);
}

uint32_t sp_rule_cache_count(void) {
    uint32_t count = 0;
    for (size_t i = 0; i < SP_RULE_CACHE_SETS; i++)
        for (size_t way = 0; way < SP_RULE_CACHE_WAYS; way++) count += load(&sp_rule_cache[i][way]) != 0;
    return count;
}
