#include "code_table.h"

#include <string.h>

#define ID_BITS 20
_Static_assert(SP_INTERN_MAX < 1 << ID_BITS, "an id fits beside an address");

typedef struct sp_code_record {
    sp_intern_record head;
    spprof_code code;
    char bytes[]; /* function, file, lines */
} sp_code_record;

void sp_code_table_create(sp_code_table *table, uint64_t max) {
    sp_intern_table_create(&table->interned, max);
}

/* ---- By address ---- */

/* Return 0 if the address does not fit in 48 bits or is not aligned to 16 bytes: such an address is not remembered. */
static uint64_t word_of(uintptr_t address) {
    return address >> 48 == 0 && address % 16 == 0 ? (uint64_t)address >> 4 << ID_BITS : 0;
}

static _Atomic uint64_t *set_of(sp_code_table *table, uintptr_t address) {
    return table->cache[spprof_hash_address(address) >> 52];
}
_Static_assert(SP_CODE_SETS == 1 << (64 - 52), "the set is the hash's top twelve bits");

static _Atomic uint64_t *find_way(sp_code_table *table, uintptr_t address) {
    uint64_t word = word_of(address);
    _Atomic uint64_t *set = set_of(table, address);
    for (int way = 0; word != 0 && way < SP_CODE_WAYS; way++)
        if (atomic_load_explicit(&set[way], memory_order_relaxed) >> ID_BITS == word >> ID_BITS) return &set[way];
    return NULL;
}

uint32_t sp_code_table_lookup(sp_code_table *table, uintptr_t address) {
    uint64_t word = word_of(address);
    _Atomic uint64_t *set = set_of(table, address);
    for (int way = 0; word != 0 && way < SP_CODE_WAYS; way++) {
        /* The load is an acquire, so the id's record is complete. */
        uint64_t entry = atomic_load_explicit(&set[way], memory_order_acquire);
        if (entry >> ID_BITS == word >> ID_BITS) return (uint32_t)(entry & ((1 << ID_BITS) - 1));
    }
    return 0;
}

static _Atomic uint64_t *way_for(sp_code_table *table, uintptr_t address) {
    _Atomic uint64_t *set = set_of(table, address);
    _Atomic uint64_t *same = find_way(table, address);
    if (same) return same;
    for (int way = 0; way < SP_CODE_WAYS; way++)
        if (atomic_load_explicit(&set[way], memory_order_relaxed) == 0) return &set[way];
    return &set[atomic_fetch_add_explicit(&table->next_victim, 1, memory_order_relaxed) % SP_CODE_WAYS];
}

static void remember(sp_code_table *table, uintptr_t address, uint32_t id) {
    uint64_t word = word_of(address);
    if (word != 0) atomic_store_explicit(way_for(table, address), word | id, memory_order_release);
}

/* Check all ways: two threads may have remembered the same address at the same time. */
void sp_code_table_forget(sp_code_table *table, uintptr_t address) {
    uint64_t word = word_of(address);
    _Atomic uint64_t *set = set_of(table, address);
    for (int way = 0; word != 0 && way < SP_CODE_WAYS; way++) {
        uint64_t entry = atomic_load_explicit(&set[way], memory_order_relaxed);
        if (entry >> ID_BITS == word >> ID_BITS)
            atomic_compare_exchange_strong_explicit(&set[way], &entry, 0, memory_order_relaxed, memory_order_relaxed);
    }
}

/* ---- By content ---- */

static uint64_t hash_of(const spprof_code *code) {
    uint64_t hash = sp_intern_hash_bytes((uint64_t)code->first_line, code->function, code->function_length);
    hash = sp_intern_hash_bytes(hash, code->file, code->file_length);
    return sp_intern_hash_bytes(hash, code->lines, code->lines_length);
}

static bool equal(const sp_intern_record *record, const void *wanted) {
    const spprof_code *known = &((const sp_code_record *)record)->code;
    const spprof_code *code = wanted;
    return known->first_line == code->first_line && known->function_length == code->function_length &&
           known->file_length == code->file_length && known->lines_length == code->lines_length &&
           memcmp(known->function, code->function, code->function_length) == 0 &&
           memcmp(known->file, code->file, code->file_length) == 0 &&
           memcmp(known->lines, code->lines, code->lines_length) == 0;
}

static sp_code_record *create_record(sp_code_table *table, const spprof_code *code, uint64_t hash) {
    size_t bytes = (size_t)code->function_length + code->file_length + code->lines_length;
    sp_code_record *record = sp_arena_allocate(&table->arena, sizeof *record + bytes);
    if (!record) return NULL;
    record->head.hash = hash;
    record->code = *code;
    record->code.function = record->bytes;
    record->code.file = record->bytes + code->function_length;
    record->code.lines = (const uint8_t *)record->code.file + code->file_length;
    memcpy(record->bytes, code->function, code->function_length);
    memcpy((char *)record->code.file, code->file, code->file_length);
    memcpy((uint8_t *)record->code.lines, code->lines, code->lines_length);
    return record;
}

static sp_code_record *find_or_add(sp_code_table *table, const spprof_code *code) {
    uint64_t hash = hash_of(code);
    sp_intern_record *known = sp_intern_table_find(&table->interned, hash, equal, code);
    if (known) return (sp_code_record *)known;
    if (atomic_load_explicit(&table->interned.last_id, memory_order_relaxed) >= table->interned.max) return NULL;
    sp_code_record *record = create_record(table, code, hash);
    if (!record) return NULL;
    return sp_intern_table_add(&table->interned, &record->head) == SP_INTERN_ADDED ? record : NULL;
}

uint32_t sp_code_table_intern(sp_code_table *table, uintptr_t address, const spprof_code *code) {
    sp_code_record *record = find_or_add(table, code);
    if (!record) return 0;
    remember(table, address, record->head.id);
    return record->head.id;
}

bool sp_code_table_get(sp_code_table *table, uint32_t id, spprof_code *code) {
    sp_code_record *record = (sp_code_record *)sp_intern_table_get(&table->interned, id);
    if (!record) return false;
    *code = record->code;
    return true;
}
