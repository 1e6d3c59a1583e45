/* range_table.h: ranges of addresses that do not overlap, in order.
 *
 *   directory:  [ block | block | block ]          each block: up to 32 ranges, ascending
 *   replace:    the blocks that a change touches are written anew ─► one store shows them ─► the old ones are free
 *
 * So whoever is forked at any moment has the table before or after a change, never one in between.
 *
 * Memory:  mapped 128 blocks at a time, when they are needed; stays.
 * Threads: one at a time (the caller's lock); the two totals may be read by any.
 * Fork:    sp_range_table_repair_after_fork.
 * Full:    replace returns false and changes nothing. What only takes away has blocks in reserve.
 */
#ifndef SP_RANGE_TABLE_H
#define SP_RANGE_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sp_range {
    uintptr_t start, end;
    uintptr_t origin;  /* where the mapping began of which this is a part */
    uint64_t stack_id; /* held, once for each range */
    uint64_t serial;   /* the order in which they came in: those of one change may share it */
    int64_t time_ns;
    double probability; /* spprof_mapping */
    uint32_t thread_id;
    uint16_t kind;    /* spprof_mapping_kind */
    bool is_system_v; /* shmat's */
} sp_range;

#define SP_RANGE_BLOCK 32
typedef struct sp_range_block {
    uint32_t count;
    sp_range at[SP_RANGE_BLOCK];
} sp_range_block;

#define SP_RANGE_SEGMENT 128 /* blocks */
#define SP_RANGE_SEGMENTS_MAX 512

/* A range more (1) or less (−1) holds this stack. */
typedef void sp_range_holder(uint64_t stack_id, int change);

typedef struct sp_range_table {
    uint64_t max;          /* ranges */
    sp_range_holder *hold; /* NULL: nobody is told */
    _Atomic uint64_t root; /* [ blocks | which of the two directories ] */
    _Atomic(uint32_t) *directories[2];
    uint32_t *free_blocks;
    uint32_t free_count, used_blocks, max_blocks;
    sp_range_block *segments[SP_RANGE_SEGMENTS_MAX];
    _Atomic uint64_t count, bytes;
} sp_range_table;

/* False: no memory. */
bool sp_range_table_create(sp_range_table *table, uint64_t max, sp_range_holder *hold);

/* Takes away, within [start, end), what came in up to `last_serial`, cutting ranges that reach over its ends, and puts
 * `in` there, unless it is NULL: then nothing of a later serial may be within. In holds its stack already. */
bool sp_range_table_replace(sp_range_table *table, uintptr_t start, uintptr_t end, uint64_t last_serial,
                            const sp_range *in);

/* The first range that ends above `address`. False: none. */
bool sp_range_table_next(sp_range_table *table, uintptr_t address, sp_range *out);

/* Copies up to `capacity`; returns how many there are. */
size_t sp_range_table_copy(sp_range_table *table, sp_range *out, size_t capacity);

/* In a forked child in which nobody is changing it. */
void sp_range_table_repair_after_fork(sp_range_table *table);

#endif
