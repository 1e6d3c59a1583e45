/* stack_record.h: one stack, with what was sampled there and a count of its holders.
 *
 *   record: [ id | hash | next | holders, logged | key | sums, totals of ticks | frame frame frame … ]     leaf first
 *
 * There is one record for each (frames, depth_limited, truncated, label set, birth process).
 *
 * The holders are live samples, samples between their decision and their insertion, and ticks between interning and the
 * log. A record with holders stays. sp_stack_is_held checks every other reason to stay.
 *
 * Threads: any. The key never changes while the record is in the table. The sums have a lock (stack_sums.h); everything
 *          else is atomic.
 * Signals: safe, except for the sums.
 */
#ifndef SP_STACK_RECORD_H
#define SP_STACK_RECORD_H

#include "stack_sums.h"

#define SP_STACK_LEAVING (UINT32_C(1) << 31) /* in `holders`: being evicted, treated as absent */

typedef struct sp_stack_record sp_stack_record;
struct sp_stack_record {
    _Atomic uint64_t id; /* 0: the record is in the pool. Relaxed: it is compared with an id that the caller holds */
    uint64_t hash;
    _Atomic(sp_stack_record *) next; /* next record in its bucket, or in the pool */
    sp_stack_record *next_retired;   /* used by the evictor; readers may still be at `next` */
    _Atomic uint32_t holders;        /* acquire and release, so that the totals of a record without holders are final */
    _Atomic uint32_t logged;         /* the last round of the CPU profiler's log that contains this stack; 0: none */
    uint32_t count;                  /* number of frames */
    uint32_t labels, birth;          /* label set; index of the process in which its samples were born */
    bool depth_limited, truncated;   /* spprof_stack */
    uint8_t size_class;              /* record_pool.h */
    _Atomic bool met_again;          /* since the clock's hand last passed: the record gets a second chance */
    sp_stack_sums sums;
    struct {
        _Atomic uint64_t samples, weight_ns;
    } ticks; /* ticks of the CPU profiler that did not fit in its log, from the round `logged` */
    uint64_t frames[];
};

/* Return whether this is a marked record, which stands for stacks that have no record of their own (stack_table.h). */
static inline bool sp_stack_is_marked(const sp_stack_record *record) {
    return record->count == 1 && record->frames[0] >> 32 >= (SPPROF_FRAME_INTERPRETED >> 32 | SPPROF_CODE_STACKS_FULL);
}

/* Return false if the record is leaving. Its content is then in another record, or in none. */
static inline bool sp_stack_hold(sp_stack_record *record) {
    if (!(atomic_fetch_add_explicit(&record->holders, 1, memory_order_acquire) & SP_STACK_LEAVING)) return true;
    atomic_fetch_sub_explicit(&record->holders, 1, memory_order_relaxed);
    return false;
}

static inline void sp_stack_release(sp_stack_record *record) {
    atomic_fetch_sub_explicit(&record->holders, 1, memory_order_release);
}

/* Return whether the record must stay. `round`: the current round of the CPU profiler's log. */
static inline bool sp_stack_is_held(sp_stack_record *record, uint32_t round) {
    uint32_t logged = atomic_load_explicit(&record->logged, memory_order_relaxed);
    return (atomic_load_explicit(&record->holders, memory_order_acquire) & ~SP_STACK_LEAVING) != 0 ||
           (logged != 0 && logged == round);
}

spprof_site sp_stack_read_site(sp_stack_record *record);

#endif
