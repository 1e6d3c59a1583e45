/* range_table.h: ranges of addresses that do not overlap, in order.
 *
 *   directory:  [ block | block | block ]       each block: up to 32 ranges, ascending
 *   replace:    the blocks that a change touches are rewritten ─► one store publishes them ─► the old ones are free
 *
 * So at whatever point a child is forked, it has the table before or after a change, never an intermediate state.
 *
 * Memory:  mapped 128 blocks at a time, when needed; stays mapped.
 * Threads: one at a time (the caller's lock); any thread may read the two totals.
 * Fork:    sp_range_table_repair_after_fork.
 * Full:    replace returns false and changes nothing. Blocks are kept in reserve for changes that only remove.
 */
#ifndef SP_RANGE_TABLE_H
#define SP_RANGE_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sp_range {
    uintptr_t start, end;
    uintptr_t origin;  /* start of the mapping that this range is part of */
    uint64_t stack_id; /* held once for each range */
    uint64_t serial;   /* order in which ranges were added; ranges added by one change may share it */
    int64_t time_ns;
    double probability; /* spprof_mapping */
    uint32_t thread_id;
    uint16_t kind;    /* spprof_mapping_kind */
    bool is_system_v; /* attached by shmat */
} sp_range;

#define SP_RANGE_BLOCK 32
typedef struct sp_range_block {
    uint32_t count;
    sp_range at[SP_RANGE_BLOCK];
} sp_range_block;

#define SP_RANGE_SEGMENT 128 /* blocks */
#define SP_RANGE_SEGMENTS_MAX 512

/* Called when one more range (1) or one range fewer (−1) holds this stack. */
typedef void sp_range_holder(uint64_t stack_id, int change);

typedef struct sp_range_table {
    uint64_t max;          /* ranges */
    sp_range_holder *hold; /* NULL: not called */
    _Atomic uint64_t root; /* [ blocks | which of the two directories ] */
    _Atomic(uint32_t) *directories[2];
    uint32_t *free_blocks;
    uint32_t free_count, used_blocks, max_blocks;
    sp_range_block *segments[SP_RANGE_SEGMENTS_MAX];
    _Atomic uint64_t count, bytes;
} sp_range_table;

/* Return false if there is no memory. */
bool sp_range_table_create(sp_range_table *table, uint64_t max, sp_range_holder *hold);

/* Within [start, end), remove the ranges added up to `last_serial`, cutting those that extend beyond it, and put
 * `in` there unless it is NULL. If `in` is given, [start, end) must contain no range with a later serial. `in`
 * already holds its stack. */
bool sp_range_table_replace(sp_range_table *table, uintptr_t start, uintptr_t end, uint64_t last_serial,
                            const sp_range *in);

/* Find the first range that ends above `address`. Return false if there is none. */
bool sp_range_table_next(sp_range_table *table, uintptr_t address, sp_range *out);

/* Copy up to `capacity` ranges; return how many there are. */
size_t sp_range_table_copy(sp_range_table *table, sp_range *out, size_t capacity);

/* Repair the table in a forked child in which no thread is changing it. */
void sp_range_table_repair_after_fork(sp_range_table *table);

#endif
