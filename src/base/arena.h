/* arena.h: small records that live as long as the process.
 *
 *   chunk: [ size | used | record record record … ]   ->  a full chunk is succeeded by a new one
 *
 * Memory:  chunks of SP_ARENA_CHUNK bytes; a record larger than a quarter of that gets its own mapping. Nothing is
 *          freed.
 * Threads: any, lock-free: space is reserved by one atomic add.
 * Signals: safe.
 * Full:    NULL.
 */
#ifndef SP_ARENA_H
#define SP_ARENA_H

#include <stdatomic.h>
#include <stddef.h>

#define SP_ARENA_CHUNK (256 * 1024)

typedef struct sp_arena_chunk sp_arena_chunk;

typedef struct sp_arena {
    _Atomic(sp_arena_chunk *) current;
} sp_arena;

/* Return `bytes` zeroed bytes, aligned to 8 bytes; NULL if there is no memory. */
void *sp_arena_allocate(sp_arena *arena, size_t bytes);

#endif
