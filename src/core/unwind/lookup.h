/* lookup.h: from an address to its object, its description and its rule.
 *
 *   pc ──► rule cache ──► rule                                     nearly always
 *           └ miss: object ──► description ──► row ──► rule        once per address
 *
 * Memory:  only the rule cache's. Takes no lock, neither ours nor the loader's.
 * Threads: any. Signals: safe.
 */
#ifndef SP_LOOKUP_H
#define SP_LOOKUP_H

#include "cfi.h"
#include "objects.h"
#include "rule_cache.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct sp_description {
    sp_fde fde;
    sp_cfi_row row;
} sp_description;

/* Return false if the object has no table, or the table does not describe `pc`. */
bool sp_lookup_describe(const sp_object *object, uintptr_t pc, sp_description *found);

/* Like sp_lookup_rule(), but for an address that is not in the cache. */
sp_rule sp_lookup_rule_slow(uintptr_t pc);

static inline sp_rule sp_lookup_rule(uintptr_t pc) {
    sp_rule rule = sp_rule_cache_find(pc);
    return __builtin_expect(rule != SP_RULE_NONE, 1) ? rule : sp_lookup_rule_slow(pc);
}

/* Return how many addresses were seen for the first time. */
uint64_t sp_lookup_misses(void);

#endif
