/* lookup.h: from an address to its rule.
 *
 *   pc ──► rule cache ──► rule                                     nearly always
 *           └ miss: object ──► description ──► row ──► rule        once per address
 *
 * Memory:  only the rule cache's. Takes no lock, neither ours nor the loader's.
 * Threads: any. Signals: safe.
 */
#ifndef SP_LOOKUP_H
#define SP_LOOKUP_H

#include "rule_cache.h"

#include <stdint.h>

/* Like sp_lookup_rule(), but for an address that is not in the cache. */
sp_rule sp_lookup_rule_slow(uintptr_t pc);

static inline sp_rule sp_lookup_rule(uintptr_t pc) {
    sp_rule rule = sp_rule_cache_find(pc);
    return __builtin_expect(rule != SP_RULE_NONE, 1) ? rule : sp_lookup_rule_slow(pc);
}

/* Return how many addresses were seen for the first time. */
uint64_t sp_lookup_misses(void);

#endif
