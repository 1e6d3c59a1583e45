#include "arena.h"

#include "memory.h"

#include <stdbool.h>

struct sp_arena_chunk {
    size_t size;
    _Atomic size_t used;
    char records[];
};

/* When a new chunk is begun, at most a quarter of the previous one is wasted. */
#define LARGE (SP_ARENA_CHUNK / 4)

static sp_arena_chunk *new_chunk(void) {
    sp_arena_chunk *chunk = sp_memory_map(SP_ARENA_CHUNK);
    if (chunk) chunk->size = SP_ARENA_CHUNK - sizeof *chunk;
    return chunk;
}

/* The first thread to install its chunk wins; the others unmap theirs. */
static bool replace(sp_arena *arena, sp_arena_chunk *full) {
    sp_arena_chunk *fresh = new_chunk();
    if (!fresh) return false;
    if (!atomic_compare_exchange_strong(&arena->current, &full, fresh)) sp_memory_unmap(fresh, SP_ARENA_CHUNK);
    return true;
}

void *sp_arena_allocate(sp_arena *arena, size_t bytes) {
    bytes = (bytes + 7) & ~(size_t)7;
    if (bytes > LARGE) return sp_memory_map(bytes);
    for (;;) {
        sp_arena_chunk *chunk = atomic_load_explicit(&arena->current, memory_order_acquire);
        if (chunk && atomic_load_explicit(&chunk->used, memory_order_relaxed) < chunk->size) {
            size_t offset = atomic_fetch_add_explicit(&chunk->used, bytes, memory_order_relaxed);
            if (offset + bytes <= chunk->size) return chunk->records + offset;
        }
        if (!replace(arena, chunk)) return NULL;
    }
}
