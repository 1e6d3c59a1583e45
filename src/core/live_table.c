#include "live_table.h"

#include "memory.h"

#define FIRST_BITS 6 /* 64 slots of 48 bytes: a page */
#define FILTER_COUNTERS_PER_SAMPLE 32

struct sp_live_slots {
    uint64_t mask;
    unsigned shift; /* 64 − log2 of the number of slots */
    spprof_sample at[];
};

/* ---- Slots ---- */

static size_t slots_bytes(uint64_t count) {
    return sizeof(sp_live_slots) + count * sizeof(spprof_sample);
}

static sp_live_slots *create_slots(uint64_t count) {
    sp_live_slots *slots = sp_memory_map(slots_bytes(count));
    if (slots) slots->mask = count - 1;
    if (slots) slots->shift = (unsigned)__builtin_clzll(count) + 1;
    return slots;
}

static void destroy_slots(sp_live_slots *slots) {
    if (slots) sp_memory_unmap(slots, slots_bytes(slots->mask + 1));
}

static sp_live_shard *shard_of(sp_live_table *table, uintptr_t address) {
    return &table->shards[sp_filter_shard(address)];
}

/* Use the top of the hash, which multiplication mixes best. */
static uint64_t home(const sp_live_slots *slots, uint64_t address) {
    return spprof_hash_address(address) >> slots->shift;
}

/* Return the slot that holds `address`, or the empty slot where it belongs. */
static uint64_t find(const sp_live_slots *slots, uint64_t address) {
    uint64_t index = home(slots, address);
    while (slots->at[index].address != 0 && slots->at[index].address != address) index = (index + 1) & slots->mask;
    return index;
}

/* Write the address last and remove it first, so that a child forked in between sees only whole entries. */
static void write_slot(spprof_sample *slot, const spprof_sample *sample) {
    __atomic_store_n(&slot->address, 0, __ATOMIC_RELAXED);
    atomic_thread_fence(memory_order_release);
    spprof_sample copy = *sample;
    copy.address = 0;
    *slot = copy;
    __atomic_store_n(&slot->address, sample->address, __ATOMIC_RELEASE);
}

/* Close the hole at `index`: move back each following entry that may be stored there. */
static void close_hole(sp_live_slots *slots, uint64_t hole) {
    uint64_t next = hole;
    for (;;) {
        next = (next + 1) & slots->mask;
        if (slots->at[next].address == 0) break;
        uint64_t distance = (next - home(slots, slots->at[next].address)) & slots->mask;
        if (distance < ((next - hole) & slots->mask)) continue;
        write_slot(&slots->at[hole], &slots->at[next]);
        hole = next;
    }
    __atomic_store_n(&slots->at[hole].address, 0, __ATOMIC_RELEASE);
}

/* ---- Shards ---- */

static void begin_change(sp_live_shard *shard) {
    atomic_store_explicit(&shard->sequence, shard->sequence + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
}

static void end_change(sp_live_shard *shard) {
    atomic_store_explicit(&shard->sequence, shard->sequence + 1, memory_order_release);
}

static sp_live_slots *slots_of(sp_live_shard *shard) {
    return atomic_load_explicit(&shard->slots, memory_order_relaxed);
}

/* Make room for one more entry. If the table cannot grow, it is filled until only one slot is left. That empty slot
 * ends every probe. */
static bool make_room_locked(sp_live_shard *shard) {
    sp_live_slots *old = slots_of(shard);
    uint64_t capacity = old ? old->mask + 1 : 0;
    if (old && (shard->count + 1) * 4 <= capacity * 3) return true;
    sp_live_slots *grown = create_slots(capacity ? capacity * 2 : 1 << FIRST_BITS);
    if (!grown) return old && shard->count + 2 <= capacity;
    for (uint64_t i = 0; i < capacity; i++)
        if (old->at[i].address != 0) grown->at[find(grown, old->at[i].address)] = old->at[i];
    atomic_store_explicit(&shard->slots, grown, memory_order_release);
    destroy_slots(old);
    return true;
}

/* Reserve one of the table's `max` entries. */
static bool reserve(sp_live_table *table) {
    if (atomic_fetch_add_explicit(&table->count, 1, memory_order_relaxed) < table->max) return true;
    atomic_fetch_sub_explicit(&table->count, 1, memory_order_relaxed);
    return false;
}

static sp_insert_result insert_locked(sp_live_table *table, sp_live_shard *shard, const spprof_sample *sample,
                                      spprof_sample *replaced) {
    sp_live_slots *slots = slots_of(shard);
    spprof_sample *slot = slots ? &slots->at[find(slots, sample->address)] : NULL;
    bool listed = slot && slot->address != 0;
    if (table->closed && !listed) return SP_TABLE_CLOSED;
    if (sample->rate < shard->min_rate) {
        replaced->rate = shard->min_rate;
        return SP_TOO_FINE;
    }
    if (listed) {
        *replaced = *slot;
        write_slot(slot, sample);
        return SP_REPLACED;
    }
    if (!reserve(table)) return SP_TABLE_FULL;
    if (!make_room_locked(shard)) {
        atomic_fetch_sub_explicit(&table->count, 1, memory_order_relaxed);
        return SP_TABLE_NO_MEMORY;
    }
    slots = slots_of(shard);
    write_slot(&slots->at[find(slots, sample->address)], sample);
    shard->count++;
    sp_filter_add(*table->filter, sample->address);
    return SP_INSERTED;
}

/* ---- The filter ---- */

static void lock_all(sp_live_table *table) {
    for (int i = 0; i < SP_SHARDS; i++) sp_lock_acquire(&table->shards[i].lock);
}

static void unlock_all(sp_live_table *table) {
    for (int i = SP_SHARDS; i-- > 0;) sp_lock_release(&table->shards[i].lock);
}

static void count_into(sp_live_table *table, const spprof_filter *filter) {
    for (int i = 0; i < SP_SHARDS; i++) {
        sp_live_slots *slots = slots_of(&table->shards[i]);
        for (uint64_t j = 0; slots && j <= slots->mask; j++)
            if (slots->at[j].address != 0) sp_filter_add(filter, slots->at[j].address);
    }
}

static void publish_filter(sp_live_table *table, const spprof_filter *filter) {
    __atomic_store_n(table->filter, filter, __ATOMIC_RELEASE);
}

static bool filter_is_small(sp_live_table *table) {
    unsigned bits = sp_filter_bits(__atomic_load_n(table->filter, __ATOMIC_ACQUIRE));
    return bits >= SP_FILTER_BITS_MIN && bits < SP_FILTER_BITS_MAX &&
           sp_live_table_count(table) > ((size_t)1 << bits) / FILTER_COUNTERS_PER_SAMPLE;
}

/* Frees may still read the old filter, so it is never unmapped. When it was replaced, it contained all entries. Only
 * later entries are missing from it, and their addresses had not been returned to the program yet. */
static void grow_filter(sp_live_table *table) {
    lock_all(table);
    if (!table->closed && filter_is_small(table)) {
        spprof_filter *grown = sp_filter_create(sp_filter_bits(*table->filter) + 1);
        if (grown) {
            count_into(table, grown);
            publish_filter(table, grown);
        }
    }
    unlock_all(table);
}

/* ---- The table ---- */

bool sp_live_table_create(sp_live_table *table, const spprof_filter **filter, size_t max) {
    spprof_filter *first = sp_filter_create(SP_FILTER_BITS_MIN);
    if (!first) return false;
    table->filter = filter;
    table->max = max;
    for (int i = 0; i < SP_SHARDS; i++) table->shards[i].lock.rank = SP_RANK_LIVE_SHARD + (uint32_t)i;
    publish_filter(table, first);
    return true;
}

sp_insert_result sp_live_table_insert(sp_live_table *table, const spprof_sample *sample, spprof_sample *replaced) {
    sp_live_shard *shard = shard_of(table, sample->address);
    sp_lock_acquire(&shard->lock);
    begin_change(shard);
    sp_insert_result result = insert_locked(table, shard, sample, replaced);
    end_change(shard);
    sp_lock_release(&shard->lock);
    if (result == SP_INSERTED && filter_is_small(table)) grow_filter(table);
    return result;
}

bool sp_live_table_remove(sp_live_table *table, uintptr_t address, spprof_sample *removed) {
    return sp_live_table_remove_until(table, address, UINT64_MAX, removed);
}

bool sp_live_table_remove_until(sp_live_table *table, uintptr_t address, uint64_t last_serial, spprof_sample *removed) {
    sp_live_shard *shard = shard_of(table, address);
    sp_lock_acquire(&shard->lock);
    sp_live_slots *slots = slots_of(shard);
    uint64_t index = slots ? find(slots, address) : 0;
    bool found = slots && slots->at[index].address != 0 && slots->at[index].serial <= last_serial;
    if (found) {
        *removed = slots->at[index];
        begin_change(shard);
        close_hole(slots, index);
        shard->count--;
        sp_filter_remove(*table->filter, address);
        atomic_fetch_sub_explicit(&table->count, 1, memory_order_relaxed);
        end_change(shard);
    }
    sp_lock_release(&shard->lock);
    return found;
}

/* Closing a hole moves other entries into it. Each entry is decided only once: after that, its rate is no longer
 * below `rate`. */
static void thin_locked(sp_live_table *table, sp_live_shard *shard, uint32_t rate, sp_live_thin *thin, void *data) {
    sp_live_slots *slots = slots_of(shard);
    for (uint64_t i = 0; slots && i <= slots->mask;) {
        spprof_sample *slot = &slots->at[i];
        if (slot->address == 0 || slot->rate >= rate || thin(slot, rate, data)) {
            i++;
            continue;
        }
        uintptr_t address = slot->address;
        close_hole(slots, i);
        shard->count--;
        sp_filter_remove(*table->filter, address);
        atomic_fetch_sub_explicit(&table->count, 1, memory_order_relaxed);
    }
}

void sp_live_table_thin(sp_live_table *table, uint32_t rate, sp_live_thin *thin, void *data) {
    for (int i = 0; i < SP_SHARDS; i++) {
        sp_live_shard *shard = &table->shards[i];
        sp_lock_acquire(&shard->lock);
        begin_change(shard);
        shard->min_rate = rate;
        thin_locked(table, shard, rate, thin, data);
        end_change(shard);
        sp_lock_release(&shard->lock);
    }
}

void sp_live_table_let_finer_in(sp_live_table *table, uint32_t rate) {
    for (int i = 0; i < SP_SHARDS; i++) {
        sp_live_shard *shard = &table->shards[i];
        sp_lock_acquire(&shard->lock);
        shard->min_rate = rate;
        sp_lock_release(&shard->lock);
    }
}

size_t sp_live_table_count(sp_live_table *table) {
    return atomic_load_explicit(&table->count, memory_order_relaxed);
}

static size_t copy_shard_locked(sp_live_shard *shard, spprof_sample *out, size_t capacity) {
    sp_live_slots *slots = slots_of(shard);
    size_t copied = 0;
    for (uint64_t i = 0; slots && i <= slots->mask && copied < capacity; i++)
        if (slots->at[i].address != 0) out[copied++] = slots->at[i];
    return copied;
}

size_t sp_live_table_copy_shard(sp_live_table *table, unsigned index, spprof_sample *out, size_t capacity) {
    sp_live_shard *shard = &table->shards[index];
    sp_lock_acquire(&shard->lock);
    size_t copied = copy_shard_locked(shard, out, capacity);
    sp_lock_release(&shard->lock);
    return copied;
}

size_t sp_live_table_copy(sp_live_table *table, spprof_sample *out, size_t capacity) {
    size_t total = 0;
    for (int i = 0; i < SP_SHARDS; i++) {
        sp_live_shard *shard = &table->shards[i];
        sp_lock_acquire(&shard->lock);
        if (total < capacity) copy_shard_locked(shard, out + total, capacity - total);
        total += shard->count;
        sp_lock_release(&shard->lock);
    }
    return total;
}

void sp_live_table_close(sp_live_table *table) {
    lock_all(table);
    table->closed = true;
    publish_filter(table, &sp_filter_empty);
    unlock_all(table);
}

/* ---- Fork ---- */

/* The parent's other threads do not exist here. An entry that was being moved may be in two slots, or one of the two
 * has no address yet: keep each address once. */
static void rebuild_shard(sp_live_shard *shard) {
    sp_live_slots *torn = slots_of(shard);
    shard->count = 0;
    if (!torn) return;
    sp_live_slots *whole = create_slots(torn->mask + 1);
    for (uint64_t i = 0; i <= torn->mask; i++) {
        spprof_sample *sample = &torn->at[i];
        if (sample->address == 0 || !whole) continue;
        spprof_sample *slot = &whole->at[find(whole, sample->address)];
        if (slot->address == 0) shard->count++;
        *slot = *sample;
    }
    atomic_store(&shard->slots, whole); /* NULL if there is no memory: the shard starts empty */
    destroy_slots(torn);
}

static void recount(sp_live_table *table) {
    size_t count = 0;
    for (int i = 0; i < SP_SHARDS; i++) count += table->shards[i].count;
    atomic_store(&table->count, count);
    if (table->closed) return;
    sp_filter_clear(*table->filter);
    count_into(table, *table->filter);
}

void sp_live_table_repair_after_fork(sp_live_table *table) {
    bool rebuilt = false;
    for (int i = 0; i < SP_SHARDS; i++) {
        sp_live_shard *shard = &table->shards[i];
        sp_lock_reset_after_fork(&shard->lock);
        if (shard->sequence % 2 == 0) continue;
        rebuild_shard(shard);
        shard->sequence++;
        rebuilt = true;
    }
    if (rebuilt) recount(table);
}
