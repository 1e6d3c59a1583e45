/* stack_table.h: every distinct stack that is needed, once, with what was sampled there.
 *
 *   intern ─► index (content, id) ─► record            found, or added
 *                 │ 7/8 full                            eviction.h: records without holders leave,
 *                 ▼                                     their totals go to <stacks no longer kept>
 *             <stacks table full>                       what does not fit is counted there
 *
 * Memory:  records in a pool, reused after a grace period; see stack_index.h. There are at most `max` records, plus an
 *          eighth of that number waiting for readers, plus the marked ones, which are static.
 * Threads: any, lock-free.
 * Signals: safe.
 * Fork:    sp_stack_table_repair_after_fork; a child's new samples go to separate records.
 * Full:    a marked record, so that only the name is lost.
 */
#ifndef SP_STACK_TABLE_H
#define SP_STACK_TABLE_H

#include "grace.h"
#include "record_pool.h"
#include "stack_index.h"

/* A marked record is in no bucket and has one frame, whose code has only a name (SPPROF_CODE_…). */
typedef union sp_marked_stack {
    sp_stack_record record;
    uint64_t room[sizeof(sp_stack_record) / sizeof(uint64_t) + 1];
} sp_marked_stack;

#define SP_BIRTHS_MAX 16 /* samples of later births share the last process's marked record */

/* State that only the evictor writes. The evictor is the thread that has set SP_EVICTING in `state`. */
#define SP_EVICTING (UINT32_C(1) << 31)
typedef struct sp_eviction {
    _Atomic uint32_t state; /* SP_EVICTING | the number of threads that keep the evictor out */
    uint32_t hand;          /* the last slot examined */
    sp_grace_seen seen;
    sp_stack_record *waiting; /* records waiting for the end of the current grace period */
    sp_stack_record *retired; /* records waiting for the next one */
    uint32_t retired_count;   /* number of records in both lists */
    sp_stack_record *leaving; /* for a forked child: the record being removed; NULL: none */
    _Atomic bool folding;     /* … and `folded_after` is the new value of <stacks no longer kept> */
    sp_stack_sums folded_after;
    _Atomic uint64_t evicted;        /* how many have left */
    uint32_t needed;                 /* windows whose peaks have kept a record since one last left */
    uint32_t in_vain;                /* slots examined since one last left */
    uint64_t given_up[SPPROF_PEAKS]; /* number of the peak for which no records are kept: they would fill the table */
} sp_eviction;

typedef struct sp_stack_table {
    sp_stack_index index;
    sp_record_pool pool;
    sp_grace grace;
    sp_eviction eviction;
    _Atomic uint32_t log_round; /* the current round of the CPU profiler's log: sp_stack_record.logged */
    uint32_t birth;             /* birth of this process's samples; written in a forked child */
    sp_marked_stack folded, full[SP_BIRTHS_MAX];
} sp_stack_table;

/* Initialize an empty table. No memory is mapped before the first stack is added. */
void sp_stack_table_create(sp_stack_table *table, uint64_t max);

/* Return the record of this stack, or the marked one if it does not fit. A new stack is added. Never NULL. The
 * record is held: the caller releases it, or passes the hold to the live sample, which releases it. */
sp_stack_record *sp_stack_table_intern(sp_stack_table *table, const sp_stack_key *key);

/* Return the marked record for stacks that do not fit, held. */
sp_stack_record *sp_stack_table_full(sp_stack_table *table);

/* Return the record with this id; NULL if there is none. It stays valid as long as a holder needs it or the evictor
 * is kept out. */
sp_stack_record *sp_stack_table_get(sp_stack_table *table, uint64_t id);

/* Iterate over the records, and over those marked ones at which anything was counted. NULL: the end. *slot begins at
 * 0. The caller must keep the evictor out. */
sp_stack_record *sp_stack_table_next(sp_stack_table *table, uint32_t *slot);

/* Return what was counted under the marked records because it did not fit, without peaks. */
sp_stack_sums sp_stack_table_sum_full(sp_stack_table *table);

/* Repair the table in a forked child. `reading`: the forking thread may be inside the table, so its readers are not
 * reset. */
void sp_stack_table_repair_after_fork(sp_stack_table *table, bool reading);

#endif
