#include "eviction.h"

#include "thread.h"

#define SLOTS_PER_TURN 16

static bool is_due(sp_stack_table *table) {
    return (uint64_t)atomic_load_explicit(&table->index.count, memory_order_relaxed) * 8 >
           (uint64_t)table->index.max * 7;
}

static bool try_begin(sp_eviction *eviction) {
    uint32_t idle = 0;
    return atomic_compare_exchange_strong(&eviction->state, &idle, SP_EVICTING);
}

static void end(sp_eviction *eviction) {
    atomic_fetch_and(&eviction->state, ~SP_EVICTING);
}

/* ---- Freeing records ---- */

static void give_waiting(sp_stack_table *table) {
    sp_eviction *eviction = &table->eviction;
    while (eviction->waiting) {
        sp_stack_record *record = eviction->waiting;
        eviction->waiting = record->next_retired;
        eviction->retired_count--;
        sp_record_pool_give(&table->pool, record);
    }
}

/* Take one step: if the current period is over, begin the next one. */
static void go_on_with_grace(sp_stack_table *table) {
    sp_eviction *eviction = &table->eviction;
    if (eviction->waiting && sp_grace_is_over(&table->grace, &eviction->seen)) give_waiting(table);
    if (eviction->waiting || !eviction->retired) return;
    eviction->waiting = eviction->retired;
    eviction->retired = NULL;
    eviction->seen = sp_grace_begin(&table->grace);
}

static void retire(sp_eviction *eviction, sp_stack_record *record) {
    record->next_retired = eviction->retired;
    eviction->retired = record;
    eviction->retired_count++;
}

static bool may_retire(const sp_stack_table *table) {
    return table->eviction.retired_count <= table->index.max / 8;
}

/* ---- One record ---- */

static void unclaim(sp_stack_table *table, sp_stack_record *record) {
    atomic_fetch_and(&record->holders, ~SP_STACK_LEAVING);
    table->eviction.leaving = NULL;
}

/* Return whether a peak keeps the record. A peak whose records alone would fill the table keeps none. */
static bool is_needed(sp_eviction *eviction, uint32_t windows) {
    for (unsigned window = 0; window < SPPROF_PEAKS; window++)
        if (eviction->given_up[window] == atomic_load(&sp_the_peaks[window].number))
            windows &= ~(UINT32_C(1) << window);
    eviction->needed |= windows & ~SP_SUMS_BUSY;
    return windows != 0;
}

/* Claim a record. If it has no holders, its sums are final; from now on, threads that find it treat it as absent. */
static bool claim(sp_stack_table *table, sp_stack_record *record) {
    uint32_t none = 0;
    if (sp_stack_is_held(record, atomic_load(&table->log_round))) return false;
    if (is_needed(&table->eviction, sp_stack_sums_needed(&record->sums))) return false;
    if (atomic_load_explicit(&record->met_again, memory_order_relaxed)) {
        atomic_store_explicit(&record->met_again, false, memory_order_relaxed);
        return false;
    }
    table->eviction.leaving = record;
    if (atomic_compare_exchange_strong(&record->holders, &none, SP_STACK_LEAVING)) {
        /* Check again: in the meantime a thread may have held and released the record, or a tick may have logged it,
         * perhaps in a new round. */
        if (!sp_stack_is_held(record, atomic_load(&table->log_round)) &&
            !is_needed(&table->eviction, sp_stack_sums_needed(&record->sums)))
            return true;
        unclaim(table, record);
    }
    table->eviction.leaving = NULL;
    return false;
}

/* The new sums are written first, so that a forked child can write them again. */
static bool fold(sp_stack_table *table, sp_stack_record *record) {
    sp_eviction *eviction = &table->eviction;
    sp_stack_sums *folded = &table->folded.record.sums;
    if (!sp_stack_sums_begin_fold(folded, &record->sums, &eviction->folded_after)) return false;
    atomic_store(&eviction->folding, true);
    sp_stack_sums_end_fold(folded, &eviction->folded_after);
    return true;
}

static void finish(sp_stack_table *table, sp_stack_record *record) {
    sp_stack_index_remove(&table->index, record);
    table->eviction.leaving = NULL;
    atomic_store(&table->eviction.folding, false);
    atomic_fetch_add_explicit(&table->eviction.evicted, 1, memory_order_relaxed);
}

/* Return true if the record has left. */
static bool look_at(sp_stack_table *table, uint32_t slot) {
    sp_stack_record *record = sp_stack_index_at(&table->index, slot);
    if (!record || !claim(table, record)) return false;
    if (!fold(table, record)) {
        unclaim(table, record);
        return false;
    }
    finish(table, record);
    retire(&table->eviction, record);
    return true;
}

/* The hand has gone around twice, because of the second chances, and no record could leave. If peaks have kept some
 * records, new stacks matter more: until the heap has another peak, a stack that leaves takes its share of the
 * current peak with it, to <stacks no longer kept>. */
static void look_on(sp_stack_table *table, bool left) {
    sp_eviction *eviction = &table->eviction;
    eviction->in_vain = left ? 0 : eviction->in_vain + 1;
    if (left) eviction->needed = 0;
    if (eviction->needed == 0 || eviction->in_vain / 2 <= atomic_load(&table->index.used)) return;
    for (unsigned window = 0; window < SPPROF_PEAKS; window++)
        if (eviction->needed >> window & 1) eviction->given_up[window] = atomic_load(&sp_the_peaks[window].number);
    eviction->needed = eviction->in_vain = 0;
}

static uint32_t next_slot(sp_stack_table *table) {
    uint32_t *hand = &table->eviction.hand;
    *hand = *hand >= atomic_load_explicit(&table->index.used, memory_order_relaxed) ? 1 : *hand + 1;
    return *hand;
}

void sp_eviction_sweep(sp_stack_table *table) {
    if (!is_due(table) || !try_begin(&table->eviction)) return;
    go_on_with_grace(table);
    for (int i = 0; i < SLOTS_PER_TURN && is_due(table) && may_retire(table); i++)
        look_on(table, look_at(table, next_slot(table)));
    end(&table->eviction);
}

/* ---- Keeping out ---- */

void sp_eviction_keep_out(sp_stack_table *table) {
    atomic_fetch_add(&table->eviction.state, 1);
    while (atomic_load(&table->eviction.state) & SP_EVICTING) sp_thread_pause();
}

void sp_eviction_let_in(sp_stack_table *table) {
    atomic_fetch_sub(&table->eviction.state, 1);
}

/* ---- Fork ---- */

/* Before `folding` is set, nothing has happened to the record. After that, every step is repeated, which changes
 * nothing if the step was already complete. The record's memory is abandoned: it is unknown how far the record had
 * come on its way to the lists. */
void sp_eviction_repair_after_fork(sp_stack_table *table) {
    sp_eviction *eviction = &table->eviction;
    sp_stack_record *record = eviction->leaving;
    bool evicting = atomic_load(&eviction->state) & SP_EVICTING;
    if (evicting && record && atomic_load(&eviction->folding)) {
        table->folded.record.sums = eviction->folded_after;
        finish(table, record);
    } else if (evicting && record) {
        atomic_fetch_and(&record->holders, ~SP_STACK_LEAVING);
    }
    eviction->leaving = NULL;
    atomic_store(&eviction->folding, false);
    if (evicting) sp_stack_index_repair_after_fork(&table->index);
    atomic_store(&eviction->state, 0);
}
