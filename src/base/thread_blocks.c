#include "thread_blocks.h"

#include "memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define IN_CHUNK SP_THREAD_BLOCKS_IN_CHUNK
#define BLOCKS_MAX (IN_CHUNK * SP_THREAD_CHUNKS_MAX)

/* Blocks are numbered across all chunks. */
static sp_thread_chunk *chunk_of(sp_thread_blocks *pool, uint32_t number) {
    return atomic_load_explicit(&pool->chunks[number / IN_CHUNK], memory_order_acquire);
}

static void *block_at(sp_thread_blocks *pool, uint32_t number) {
    return chunk_of(pool, number)->blocks[number % IN_CHUNK];
}

static _Atomic uint32_t *next_of(sp_thread_blocks *pool, uint32_t number) {
    return &chunk_of(pool, number)->next[number % IN_CHUNK];
}

static uint32_t number_of(sp_thread_blocks *pool, const void *block) {
    for (uint32_t i = 0; i < SP_THREAD_CHUNKS_MAX; i++) {
        const sp_thread_chunk *chunk = atomic_load_explicit(&pool->chunks[i], memory_order_acquire);
        uintptr_t offset = (uintptr_t)block - (uintptr_t)chunk;
        if (chunk && offset < sizeof chunk->blocks) return i * IN_CHUNK + (uint32_t)(offset / SP_THREAD_BLOCK_BYTES);
    }
    return BLOCKS_MAX;
}

/* ---- Free blocks ---- */

/* The turn distinguishes a word from an earlier one with the same first block. In between, that block may have been
 * taken and given back, so that another one follows it now. */
static uint64_t changed(uint64_t free, uint32_t first) {
    return ((free >> 32) + 1) << 32 | first;
}

static void *take_free(sp_thread_blocks *pool) {
    uint64_t free = atomic_load_explicit(&pool->free, memory_order_acquire);
    while ((uint32_t)free != 0) {
        uint32_t number = (uint32_t)free - 1;
        uint32_t next = atomic_load_explicit(next_of(pool, number), memory_order_relaxed);
        if (atomic_compare_exchange_weak_explicit(&pool->free, &free, changed(free, next), memory_order_acquire,
                                                  memory_order_acquire))
            return block_at(pool, number);
    }
    return NULL;
}

static void put_free(sp_thread_blocks *pool, uint32_t number) {
    uint64_t free = atomic_load_explicit(&pool->free, memory_order_relaxed);
    do {
        atomic_store_explicit(next_of(pool, number), (uint32_t)free, memory_order_relaxed);
    } while (!atomic_compare_exchange_weak_explicit(&pool->free, &free, changed(free, number + 1), memory_order_release,
                                                    memory_order_relaxed));
}

/* ---- Blocks that no thread has had yet ---- */

static bool has_chunk(sp_thread_blocks *pool, uint32_t number) {
    sp_thread_chunk *chunk, *none = NULL;
    if (chunk_of(pool, number)) return true;
    chunk = sp_memory_map(sizeof *chunk);
    if (!chunk) return false;
    if (!atomic_compare_exchange_strong(&pool->chunks[number / IN_CHUNK], &none, chunk))
        sp_memory_unmap(chunk, sizeof *chunk); /* another thread was faster */
    return true;
}

static void *take_fresh(sp_thread_blocks *pool) {
    uint32_t number = atomic_load_explicit(&pool->fresh, memory_order_relaxed);
    do {
        if (number >= BLOCKS_MAX || !has_chunk(pool, number)) return NULL;
    } while (!atomic_compare_exchange_weak_explicit(&pool->fresh, &number, number + 1, memory_order_relaxed,
                                                    memory_order_relaxed));
    return block_at(pool, number);
}

/* ---- For each thread ---- */

void *sp_thread_blocks_take(sp_thread_blocks *pool) {
    void *block = take_free(pool);
    return block ? block : take_fresh(pool);
}

void sp_thread_blocks_give(sp_thread_blocks *pool, void *block) {
    uint32_t number = number_of(pool, block);
    if (number == BLOCKS_MAX) return;
    memset(block, 0, SP_THREAD_BLOCK_BYTES);
    put_free(pool, number);
}

/* A thread that does not exist here may have been between two of the steps above, so the list is rebuilt. */
void sp_thread_blocks_keep_only(sp_thread_blocks *pool, const void *kept) {
    uint32_t used = atomic_load(&pool->fresh);
    atomic_store(&pool->free, 0);
    for (uint32_t number = used; number-- > 0;)
        if (block_at(pool, number) != kept) sp_thread_blocks_give(pool, block_at(pool, number));
}
