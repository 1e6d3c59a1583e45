/* thread_blocks.h: a pool of zeroed blocks, one for each thread, for systems on which the engine's own state cannot be
 * thread-local.
 *
 *   free:   [ turn 32 | number + 1, 32 ] ──► block ──► block        the turn grows with each change of this word
 *   fresh:  the first block that no thread has had yet; chunks are mapped when the first of their blocks is taken
 *
 * Memory:  chunks of 64 KiB, which stay mapped.
 * Threads: any; lock-free. A block belongs to one thread until it is given back.
 * Signals: safe.
 * Fork:    a child calls sp_thread_blocks_keep_only.
 * Full:    NULL.
 */
#ifndef SP_THREAD_BLOCKS_H
#define SP_THREAD_BLOCKS_H

#include <stdatomic.h>
#include <stdint.h>

#define SP_THREAD_BLOCK_BYTES 128                                       /* a cache line of Apple's processors */
#define SP_THREAD_BLOCKS_IN_CHUNK (65536 / (SP_THREAD_BLOCK_BYTES + 4)) /* 496, with four bytes more for each */
#define SP_THREAD_CHUNKS_MAX 1024                                       /* 507 904 threads at once */

typedef struct sp_thread_chunk {
    unsigned char blocks[SP_THREAD_BLOCKS_IN_CHUNK][SP_THREAD_BLOCK_BYTES];
    _Atomic uint32_t next[SP_THREAD_BLOCKS_IN_CHUNK]; /* the number of the next free block + 1; 0: the last */
} sp_thread_chunk;

/* All zero at first. */
typedef struct sp_thread_blocks {
    _Atomic uint64_t free;
    _Atomic uint32_t fresh;
    _Atomic(sp_thread_chunk *) chunks[SP_THREAD_CHUNKS_MAX];
} sp_thread_blocks;

/* Return a zeroed block; NULL if there is no memory. May change errno. */
void *sp_thread_blocks_take(sp_thread_blocks *pool);

/* Give a block back. Nothing may use it any more. */
void sp_thread_blocks_give(sp_thread_blocks *pool, void *block);

/* Give back all blocks but `kept`, which may be NULL: in a forked child, whose other threads do not exist. */
void sp_thread_blocks_keep_only(sp_thread_blocks *pool, const void *kept);

#endif
