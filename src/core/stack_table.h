/* stack_table.h: every different stack that is needed once, with what was sampled there.
 *
 *   intern ─► index (content, id) ─► record             found, or added
 *                 │ 7/8 full                            eviction.h: records that nobody holds leave,
 *                 ▼                                     their totals go to <stacks no longer kept>
 *             <stacks table full>                       what finds no room is counted there
 *
 * Memory:  records in a pool, used again after a grace period; see stack_index.h. At most `max` records, an eighth of
 *          that on top which wait for readers, and the marked ones, which are static.
 * Threads: any, lock-free.
 * Signals: safe.
 * Fork:    sp_stack_table_repair_after_fork; a child's new samples go to records of their own.
 * Full:    a marked record, so that nothing is lost but the name.
 */
#ifndef SP_STACK_TABLE_H
#define SP_STACK_TABLE_H

#include "grace.h"
#include "record_pool.h"
#include "stack_index.h"

/* A marked record is in no bucket and has one frame, whose code only has a name (SPPROF_CODE_…). */
typedef union sp_marked_stack {
    sp_stack_record record;
    uint64_t room[sizeof(sp_stack_record) / sizeof(uint64_t) + 1];
} sp_marked_stack;

#define SP_BIRTHS_MAX 16 /* of later ones the samples share the last process's marked record */

/* What the evictor alone writes, who has set SP_EVICTING in `state`. */
#define SP_EVICTING (UINT32_C(1) << 31)
typedef struct sp_eviction {
    _Atomic uint32_t state; /* SP_EVICTING | how many keep the evictor out */
    uint32_t hand;          /* the slot that was looked at last */
    sp_grace_seen seen;
    sp_stack_record *waiting; /* for the grace period that has begun */
    sp_stack_record *retired; /* for the next */
    uint32_t retired_count;   /* of both */
    sp_stack_record *leaving; /* for a forked child: under way; NULL: none */
    _Atomic bool folding;     /* … and `folded_after` is what <stacks no longer kept> comes to */
    sp_stack_sums folded_after;
    _Atomic uint64_t evicted; /* how many have left */
    uint32_t needed;          /* windows whose peaks have kept a record since one has left (sp_stack_sums_needed) */
    uint32_t in_vain;         /* how many slots were looked at since */
    uint64_t given_up[SPPROF_PEAKS]; /* the number of the peak that keeps no record, as it would fill the table */
} sp_eviction;

typedef struct sp_stack_table {
    sp_stack_index index;
    sp_record_pool pool;
    sp_grace grace;
    sp_eviction eviction;
    _Atomic uint32_t log_round; /* what the CPU profiler's log holds now: sp_stack_record.logged */
    uint32_t birth;             /* of this process's samples; written in a forked child */
    sp_marked_stack folded, full[SP_BIRTHS_MAX];
} sp_stack_table;

/* No memory is mapped before the first stack. */
void sp_stack_table_create(sp_stack_table *table, uint64_t max);

/* The record of this stack, added if new, or the marked one. Never NULL, held: to be released, or handed on to the live
 * sample that releases it. */
sp_stack_record *sp_stack_table_intern(sp_stack_table *table, const sp_stack_key *key);

/* The marked record for what finds no room, held. */
sp_stack_record *sp_stack_table_full(sp_stack_table *table);

/* NULL: no such id. The record stays as long as somebody holds it or keeps the evictor out. */
sp_stack_record *sp_stack_table_get(sp_stack_table *table, uint64_t id);

/* The records one after the other, marked ones too if anything was counted there; NULL: no more. *slot begins at 0. For
 * whoever keeps the evictor out. */
sp_stack_record *sp_stack_table_next(sp_stack_table *table, uint32_t *slot);

/* What was counted under the marked records for want of room; without peaks. */
sp_stack_sums sp_stack_table_sum_full(sp_stack_table *table);

/* In a forked child. `reading`: its thread may be inside the table, whose readers are then not reset. */
void sp_stack_table_repair_after_fork(sp_stack_table *table, bool reading);

#endif
