#include "range_table.h"

#include "memory.h"

#include <string.h>

#define RESERVED_BLOCKS 4 /* only for changes that remove */
#define FEW (SP_RANGE_BLOCK / 4)
#define MANY (SP_RANGE_BLOCK * 3 / 4)

/* ---- Blocks ---- */

static sp_range_block *block_at(const sp_range_table *table, uint32_t id) {
    return &table->segments[id / SP_RANGE_SEGMENT][id % SP_RANGE_SEGMENT];
}

static bool map_segment(sp_range_table *table, uint32_t segment) {
    if (!table->segments[segment]) table->segments[segment] = sp_memory_map(SP_RANGE_SEGMENT * sizeof(sp_range_block));
    return table->segments[segment] != NULL;
}

/* Return whether there are at least `wanted` free blocks. If necessary, map more. */
static bool has_blocks(sp_range_table *table, uint32_t wanted) {
    while (table->free_count < wanted) {
        uint32_t id = table->used_blocks;
        if (id == table->max_blocks || !map_segment(table, id / SP_RANGE_SEGMENT)) return false;
        table->used_blocks++;
        table->free_blocks[table->free_count++] = id;
    }
    return true;
}

/* ---- The directory ---- */

typedef struct view {
    _Atomic(uint32_t) *blocks;
    uint32_t count, which;
} view;

static view current(const sp_range_table *table) {
    uint64_t root = atomic_load_explicit(&table->root, memory_order_acquire);
    uint32_t which = (uint32_t)(root & 1);
    return (view){.blocks = table->directories[which], .count = (uint32_t)(root >> 1), .which = which};
}

static sp_range_block *nth(const sp_range_table *table, const view *view, uint32_t n) {
    return block_at(table, atomic_load_explicit(&view->blocks[n], memory_order_relaxed));
}

/* Return the first block with a range that ends above `address`; view->count if there is none. Blocks are never
 * empty. */
static uint32_t find_block(const sp_range_table *table, const view *view, uintptr_t address) {
    uint32_t low = 0, high = view->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        const sp_range_block *block = nth(table, view, middle);
        if (block->at[block->count - 1].end > address)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* ---- One change ---- */

typedef struct change {
    sp_range_table *table;
    uintptr_t start, end;
    uint64_t last_serial;
    const sp_range *in;
    view view;
    uint32_t first, behind; /* the blocks to rewrite */
    size_t total;           /* ranges to write */
    int64_t added_ranges, added_bytes;
    sp_range_block *out; /* block currently being written */
    uint32_t out_count;  /* blocks written so far */
    size_t per_block;
    bool in_is_due;
} change;

/* Compute what is left of a range, which is at most two parts. */
static unsigned parts_of(const change *change, const sp_range *range, sp_range parts[2]) {
    unsigned count = 0;
    if (range->end <= change->start || range->start >= change->end || range->serial > change->last_serial) {
        parts[0] = *range;
        return 1;
    }
    if (range->start < change->start) {
        parts[count] = *range;
        parts[count++].end = change->start;
    }
    if (range->end > change->end) {
        parts[count] = *range;
        parts[count++].start = change->end;
    }
    return count;
}

typedef void part_visitor(change *change, const sp_range *part);

static void visit_in(change *change, part_visitor *visit) {
    if (change->in_is_due) visit(change, change->in);
    change->in_is_due = false;
}

/* Visit everything to be written, in order. */
static void visit_parts(change *change, part_visitor *visit) {
    sp_range parts[2];
    change->in_is_due = change->in != NULL;
    for (uint32_t n = change->first; n < change->behind; n++) {
        const sp_range_block *block = nth(change->table, &change->view, n);
        for (uint32_t i = 0; i < block->count; i++) {
            unsigned count = parts_of(change, &block->at[i], parts);
            for (unsigned part = 0; part < count; part++) {
                if (parts[part].start >= change->start) visit_in(change, visit);
                visit(change, &parts[part]);
            }
        }
    }
    visit_in(change, visit);
}

static void count_part(change *change, const sp_range *part) {
    change->total++;
    change->added_ranges++;
    change->added_bytes += (int64_t)(part->end - part->start);
}

static void count_all(change *change) {
    change->total = 0;
    change->added_ranges = change->added_bytes = 0;
    for (uint32_t n = change->first; n < change->behind; n++) {
        const sp_range_block *block = nth(change->table, &change->view, n);
        for (uint32_t i = 0; i < block->count; i++) {
            change->added_ranges--;
            change->added_bytes -= (int64_t)(block->at[i].end - block->at[i].start);
        }
    }
    visit_parts(change, count_part);
}

/* If a change would leave a nearly empty block, the block is written together with a neighbour. */
static void choose_blocks(change *change) {
    const view *view = &change->view;
    uint32_t found = find_block(change->table, view, change->start), behind = found;
    if (found == view->count && found > 0) found--;
    while (behind < view->count && nth(change->table, view, behind)->at[0].start < change->end) behind++;
    if (behind == found && found < view->count) behind++;
    change->first = found;
    change->behind = behind;
    count_all(change);
    if (change->total >= FEW) return;
    if (behind < view->count && nth(change->table, view, behind)->count + change->total <= MANY)
        change->behind++;
    else if (found > 0 && nth(change->table, view, found - 1)->count + change->total <= MANY)
        change->first--;
    else
        return;
    count_all(change);
}

static _Atomic(uint32_t) *other_directory(const change *change) {
    return change->table->directories[change->view.which ^ 1];
}

static void write_part(change *change, const sp_range *part) {
    sp_range_table *table = change->table;
    if (!change->out || change->out->count == change->per_block) {
        uint32_t id = table->free_blocks[--table->free_count];
        change->out = block_at(table, id);
        change->out->count = 0;
        atomic_store_explicit(&other_directory(change)[change->first + change->out_count++], id, memory_order_relaxed);
    }
    change->out->at[change->out->count++] = *part;
}

static void write_blocks(change *change, uint32_t blocks) {
    change->out = NULL;
    change->out_count = 0;
    change->per_block = blocks > 0 ? (change->total + blocks - 1) / blocks : 0;
    visit_parts(change, write_part);
}

static void copy_blocks(const change *change, uint32_t from, uint32_t to, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        atomic_store_explicit(&other_directory(change)[to + i],
                              atomic_load_explicit(&change->view.blocks[from + i], memory_order_relaxed),
                              memory_order_relaxed);
}

/* ---- Holds on the stacks ---- */

/* If `cut`, add a hold for each range that is cut in two, before the change is visible. Otherwise release the holds
 * of ranges of which nothing is left. */
static void hold_stacks(const change *change, const sp_range_block *block, bool cut) {
    sp_range parts[2];
    for (uint32_t i = 0; change->table->hold && i < block->count; i++) {
        unsigned count = parts_of(change, &block->at[i], parts);
        if (cut && count == 2) change->table->hold(block->at[i].stack_id, 1);
        if (!cut && count == 0) change->table->hold(block->at[i].stack_id, -1);
    }
}

/* ---- Publishing ---- */

static void give_block(change *change, uint32_t id) {
    hold_stacks(change, block_at(change->table, id), false);
    change->table->free_blocks[change->table->free_count++] = id;
}

static uint32_t exchange_block(change *change) {
    uint32_t id = atomic_load_explicit(&other_directory(change)[change->first], memory_order_relaxed);
    return atomic_exchange_explicit(&change->view.blocks[change->first], id, memory_order_acq_rel);
}

/* Replacing one block with another takes one store. In all other cases, the other directory is completed and becomes
 * the current one. */
static void publish(change *change) {
    view *view = &change->view;
    uint32_t left = change->behind - change->first;
    if (left == 1 && change->out_count == 1) {
        give_block(change, exchange_block(change));
        return;
    }
    copy_blocks(change, 0, 0, change->first);
    copy_blocks(change, change->behind, change->first + change->out_count, view->count - change->behind);
    uint64_t count = view->count - left + change->out_count;
    atomic_store_explicit(&change->table->root, count << 1 | (view->which ^ 1), memory_order_release);
    for (uint32_t n = change->first; n < change->behind; n++) give_block(change, view->blocks[n]);
}

static bool changes_nothing(const change *change) {
    return !change->in && change->added_ranges == 0 && change->added_bytes == 0;
}

/* A range that is cut shrinks, so if the sums are unchanged, nothing has changed. */
bool sp_range_table_replace(sp_range_table *table, uintptr_t start, uintptr_t end, uint64_t last_serial,
                            const sp_range *in) {
    change change = {.table = table, .start = start, .end = end, .last_serial = last_serial, .in = in};
    change.view = current(table);
    choose_blocks(&change);
    if (changes_nothing(&change)) return true;
    uint32_t blocks = (uint32_t)((change.total + SP_RANGE_BLOCK - 1) / SP_RANGE_BLOCK);
    uint64_t count = atomic_load_explicit(&table->count, memory_order_relaxed);
    if (in && (int64_t)count + change.added_ranges > (int64_t)table->max) return false;
    if (!has_blocks(table, blocks + (in ? RESERVED_BLOCKS : 0))) return false;
    write_blocks(&change, blocks);
    for (uint32_t n = change.first; n < change.behind; n++) hold_stacks(&change, nth(table, &change.view, n), true);
    publish(&change);
    atomic_fetch_add_explicit(&table->count, (uint64_t)change.added_ranges, memory_order_relaxed);
    atomic_fetch_add_explicit(&table->bytes, (uint64_t)change.added_bytes, memory_order_relaxed);
    return true;
}

/* ---- The table ---- */

/* A block is less than an eighth full only if its neighbours are at least three quarters full. */
static uint32_t blocks_for(uint64_t ranges) {
    uint64_t blocks = ranges / (SP_RANGE_BLOCK / 4) + 2 * RESERVED_BLOCKS;
    uint64_t most = (uint64_t)SP_RANGE_SEGMENT * SP_RANGE_SEGMENTS_MAX;
    return (uint32_t)(blocks < most ? blocks : most);
}

bool sp_range_table_create(sp_range_table *table, uint64_t max, sp_range_holder *hold) {
    uint32_t blocks = blocks_for(max);
    char *room = sp_memory_map(3 * blocks * sizeof(uint32_t));
    if (!room) return false;
    table->max = max;
    table->hold = hold;
    table->max_blocks = blocks;
    table->directories[0] = (_Atomic(uint32_t) *)(void *)room;
    table->directories[1] = table->directories[0] + blocks;
    table->free_blocks = (uint32_t *)(void *)room + 2 * (size_t)blocks;
    return true;
}

bool sp_range_table_next(sp_range_table *table, uintptr_t address, sp_range *out) {
    view view = current(table);
    uint32_t found = find_block(table, &view, address);
    if (found == view.count) return false;
    const sp_range *range = nth(table, &view, found)->at;
    while (range->end <= address) range++;
    *out = *range;
    return true;
}

size_t sp_range_table_copy(sp_range_table *table, sp_range *out, size_t capacity) {
    view view = current(table);
    size_t count = 0;
    for (uint32_t n = 0; n < view.count; n++) {
        const sp_range_block *block = nth(table, &view, n);
        for (uint32_t i = 0; i < block->count; i++, count++)
            if (count < capacity) out[count] = block->at[i];
    }
    return count;
}

/* ---- Fork ---- */

/* Blocks that are in no directory are free, whatever was being done with them. */
static void collect_free_blocks(sp_range_table *table, const view *view) {
    _Atomic(uint32_t) *mark = table->directories[view->which ^ 1];
    for (uint32_t id = 0; id < table->used_blocks; id++) mark[id] = 0;
    for (uint32_t n = 0; n < view->count; n++) mark[view->blocks[n]] = 1;
    table->free_count = 0;
    for (uint32_t id = 0; id < table->used_blocks; id++)
        if (mark[id] == 0) table->free_blocks[table->free_count++] = id;
}

void sp_range_table_repair_after_fork(sp_range_table *table) {
    view view = current(table);
    uint64_t count = 0, bytes = 0;
    collect_free_blocks(table, &view);
    for (uint32_t n = 0; n < view.count; n++) {
        const sp_range_block *block = nth(table, &view, n);
        count += block->count;
        for (uint32_t i = 0; i < block->count; i++) bytes += block->at[i].end - block->at[i].start;
    }
    atomic_store(&table->count, count);
    atomic_store(&table->bytes, bytes);
}
