#include "lookup.h"

#include "describe.h"
#include "modules.h"
#include "objects.h"

#include <stdatomic.h>

static _Atomic uint64_t misses;

uint64_t sp_lookup_misses(void) {
    return atomic_load(&misses);
}

/* Code outside any object may disappear, and other code may replace it. So such code is looked up each time. */
__attribute__((noinline)) sp_rule sp_lookup_rule_slow(uintptr_t pc) {
    sp_object object;
    sp_description found;
    if (!sp_objects_find(pc, &object)) return sp_rule_of_kind(SP_RULE_NO_TABLE);
    atomic_fetch_add_explicit(&misses, 1, memory_order_relaxed);
    sp_modules_note(&object);
    sp_rule rule = sp_rule_of_kind(SP_RULE_NO_TABLE);
    if (sp_describe(&object, pc, &found)) rule = sp_rule_encode(&found.row, &found.fde);
    sp_rule_cache_insert(pc, rule);
    return rule;
}
