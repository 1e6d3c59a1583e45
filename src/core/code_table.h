/* code_table.h: copies of interpreted code's names and position tables, and the address of each code object.
 *
 *   by content:  record [ hash | id | lengths | function file lines ]         never changes (intern_table.h)
 *   by address:  word   [ address >> 4, 44 bits | id, 20 bits ]               a cache of 2^14 words, 4-way
 *
 * The cache may forget an address at any time: the code is then found again by its content. When a code object dies,
 * its address is removed from the cache, so a reused address never gets an old name.
 *
 * Memory:  records in an arena; the cache is static: 128 KiB, resident where touched.
 * Threads: any, lock-free; one word per cache entry, so nothing is torn.
 * Full:    id 0, which spprof_code_intern turns into a mark.
 */
#ifndef SP_CODE_TABLE_H
#define SP_CODE_TABLE_H

#include "arena.h"
#include "intern_table.h"
#include "spprof.h"

#define SP_CODE_SETS (1 << 12)
#define SP_CODE_WAYS 4

typedef struct sp_code_table {
    sp_intern_table interned;
    sp_arena arena;
    _Atomic uint32_t next_victim;
    _Atomic uint64_t cache[SP_CODE_SETS][SP_CODE_WAYS];
} sp_code_table;

void sp_code_table_create(sp_code_table *table, uint64_t max);
uint32_t sp_code_table_lookup(sp_code_table *table, uintptr_t address);
uint32_t sp_code_table_intern(sp_code_table *table, uintptr_t address, const spprof_code *code);
void sp_code_table_forget(sp_code_table *table, uintptr_t address);
bool sp_code_table_get(sp_code_table *table, uint32_t id, spprof_code *code);

#endif
