/* rule_cache.h: rules by address, filled as stacks are seen.
 *
 *   word: [ tag 32 | rule 32 ]        set = 16 bits of the address's hash, tag = the other 32
 *
 * The hash of a 48-bit address is one-to-one, so set and tag together determine the address: a hit never returns
 * another address's rule. A word is read and written whole, so nothing is torn. A set holds two rules; a third one
 * replaces the older of them.
 *
 * Memory:  static, 1 MiB, resident where touched.
 * Threads: any, lock-free. Signals: safe.
 */
#ifndef SP_RULE_CACHE_H
#define SP_RULE_CACHE_H

#include "rule.h"

#include <stdatomic.h>

#define SP_RULE_CACHE_SETS (1 << 16)
#define SP_RULE_CACHE_WAYS 2

extern _Atomic uint64_t sp_rule_cache[SP_RULE_CACHE_SETS][SP_RULE_CACHE_WAYS];

/* An odd factor makes the hash one-to-one; its upper bits depend on all bits of the address. */
static inline uint64_t sp_rule_cache_hash(uintptr_t pc) {
    return pc * UINT64_C(0x9E3779B97F4B) & ((UINT64_C(1) << 48) - 1);
}

/* Return the rule for this address; SP_RULE_NONE if the cache does not contain it. */
static inline sp_rule sp_rule_cache_find(uintptr_t pc) {
    uint64_t hash = sp_rule_cache_hash(pc);
    const _Atomic uint64_t *set = sp_rule_cache[hash >> 32];
    uint64_t first = atomic_load_explicit(&set[0], memory_order_relaxed);
    if (__builtin_expect(first >> 32 == (uint32_t)hash, 1)) return (sp_rule)first;
    uint64_t second = atomic_load_explicit(&set[1], memory_order_relaxed);
    return second >> 32 == (uint32_t)hash ? (sp_rule)second : SP_RULE_NONE;
}

void sp_rule_cache_insert(uintptr_t pc, sp_rule rule);

/* Clear the cache after an object was unloaded: another object may be mapped at its addresses. */
void sp_rule_cache_clear(void);

/* Return how many rules the cache holds. This reads the whole cache. */
uint32_t sp_rule_cache_count(void);

#endif
