/* stack_table.h: every different stack once, with what was sampled there.
 *
 *   record: [ hash | id | count, depth_limited, truncated | site and tick totals | frame frame frame … ]   leaf first
 *
 * Memory:  records in an arena; see intern_table.h.
 * Threads: any, lock-free. Site totals are atomic, each by itself.
 * Signals: safe.
 * Full:    NULL with a reason to count.
 */
#ifndef SP_STACK_TABLE_H
#define SP_STACK_TABLE_H

#include "arena.h"
#include "intern_table.h"
#include "spprof.h"

typedef struct sp_stack_record {
    sp_intern_record head;
    uint32_t count;
    bool depth_limited, truncated; /* spprof_stack */
    struct {
        _Atomic uint64_t samples, freed_samples;
        _Atomic uint64_t allocated_bytes, allocated_objects;
        _Atomic uint64_t freed_bytes, freed_objects;
        _Atomic double variance, skewness;
    } site;
    struct {
        _Atomic uint64_t samples, weight_ns;
    } ticks; /* those of the CPU profiler that its log had no room for */
    uint64_t frames[];
} sp_stack_record;

typedef struct sp_stack_table {
    sp_intern_table interned;
    sp_arena arena;
} sp_stack_table;

void sp_stack_table_create(sp_stack_table *table, uint64_t max);

typedef struct sp_stack_key {
    const uint64_t *frames;
    uint32_t count;
    bool depth_limited, truncated;
} sp_stack_key;

/* The record of this stack, added if new. NULL: no room, *reason says why. */
sp_stack_record *sp_stack_table_intern(sp_stack_table *table, const sp_stack_key *key, spprof_drop_reason *reason);

/* NULL: no such id. */
sp_stack_record *sp_stack_table_get(sp_stack_table *table, uint32_t id);

/* True: it is the stack's first sample. */
bool sp_stack_add_allocated(sp_stack_record *record, spprof_weight weight);
/* Takes back an sp_stack_add_allocated whose sample could not be kept. True: the stack has none now. */
bool sp_stack_take_back(sp_stack_record *record, spprof_weight weight);
void sp_stack_add_freed(sp_stack_record *record, spprof_weight weight);
spprof_site sp_stack_read_site(sp_stack_record *record);

#endif
