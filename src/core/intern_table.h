/* intern_table.h: records that are added once, found by content and by id, and never change or disappear.
 *
 *   levels:  [ 2^10 slots ] [ 2^11 slots ] …   slot: pointer to a whole record, or NULL      by content
 *   pages:   [ 1024 pointers ] [ 1024 … ] …                                                  by id
 *
 * A record is complete before a compare-and-swap puts it into a slot, so a reader sees either all of it or nothing. If
 * two threads see the same new content, both may add it: readers treat equal records as one.
 *
 * Memory:  levels and pages are mappings; the caller provides the records (sp_arena). Nothing is freed.
 * Threads: any, lock-free; no thread waits.
 * Signals: safe.
 * Full:    add reports it at `max` records.
 */
#ifndef SP_INTERN_TABLE_H
#define SP_INTERN_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define SP_INTERN_LEVELS 16
#define SP_INTERN_PAGES 1024
#define SP_INTERN_PAGE_SIZE 1024
#define SP_INTERN_MAX (SP_INTERN_PAGES * SP_INTERN_PAGE_SIZE - 1)

/* Every record begins with this struct. */
typedef struct sp_intern_record {
    uint64_t hash; /* hash of the content */
    uint32_t id;   /* assigned by sp_intern_table_add: 1, 2, … */
} sp_intern_record;

typedef struct sp_intern_level sp_intern_level;
typedef struct sp_intern_page sp_intern_page;

typedef struct sp_intern_table {
    _Atomic(sp_intern_level *) levels[SP_INTERN_LEVELS];
    _Atomic(sp_intern_page *) pages[SP_INTERN_PAGES];
    _Atomic uint32_t last_id;
    _Atomic uint32_t count;
    uint32_t max;
} sp_intern_table;

typedef enum sp_intern_result { SP_INTERN_ADDED, SP_INTERN_FULL, SP_INTERN_NO_MEMORY } sp_intern_result;

/* Return whether `record` has the content of `key`. Called only if the hashes agree. */
typedef bool sp_intern_equal(const sp_intern_record *record, const void *key);

void sp_intern_table_create(sp_intern_table *table, uint64_t max);

/* Return the record with this content, or NULL if there is none. */
sp_intern_record *sp_intern_table_find(sp_intern_table *table, uint64_t hash, sp_intern_equal *equal, const void *key);

/* Assign the record its id and make the record visible. */
sp_intern_result sp_intern_table_add(sp_intern_table *table, sp_intern_record *record);

/* Return the record with this id, or NULL if there is none. */
sp_intern_record *sp_intern_table_get(sp_intern_table *table, uint32_t id);

/* Hash `count` words or bytes, beginning with `seed`. Content hashes are built from these functions. */
uint64_t sp_intern_hash_words(uint64_t seed, const uint64_t *words, uint64_t count);
uint64_t sp_intern_hash_bytes(uint64_t seed, const void *bytes, uint64_t count);

#endif
