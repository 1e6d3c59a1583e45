/* malloc_sums.h: what libc's malloc has in use, and what of its memory is free and kept.
 *
 *   heap:    [ chunk in use | free | in use | … | free | top ]      each begins with its size, and with whether the one
 *   mapped:  [ chunk ]                                              before it is in use; large ones have a mapping each
 *
 * The chunks are read as they lie, without malloc's locks: no thread waits. What changes meanwhile makes the sums
 * differ by as much. Beyond 256 MiB of heaps 128 MiB are read, and the sums are estimates.
 *
 * Memory:  buffers on the C stack, 24 KiB.
 * Threads: any; memory that is unmapped meanwhile is not there. Signals: not in a handler. Fork: nothing is kept.
 */
#ifndef SPPROF_MALLOC_SUMS_H
#define SPPROF_MALLOC_SUMS_H

#include "spprof/api.h"
#include "spprof/resident.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct spprof_malloc_sums {
    uint64_t heaps;           /* how many there are */
    uint64_t heap_resident;   /* bytes of them in memory */
    uint64_t free_bytes;      /* of free chunks in them. Those that malloc keeps for the next request of their size
                                 (tcache, fast bins) count as in use */
    uint64_t free_resident;   /* of those, in memory */
    uint64_t returnable;      /* of those, whole pages: what malloc_trim(0) gives back */
    uint64_t mapped;          /* bytes of chunks with a mapping of their own */
    uint64_t mapped_resident; /* of those, in memory */
    bool is_estimate;         /* a part of the heaps was read */
} spprof_malloc_sums;

/* Where a heap or a large chunk may lie: [start, start + size), ascending, anonymous and writable; is_heap: the
 * kernel's [heap], which has one from its first byte on. */
typedef struct spprof_malloc_place {
    uint64_t start, size;
    bool is_heap;
} spprof_malloc_place;

/* False: malloc is not glibc's. */
SPPROF_API bool spprof_malloc_is_glibc(void);
/* Where the engine's own memory is, measured (spprof_extent): up to `capacity`, ascending; returns how many. */
#define SPPROF_OWN_EXTENTS 1024
SPPROF_API size_t spprof_own_extents(spprof_extent *extents, size_t capacity);

/* The chunks of blocks of glibc's malloc: `chunks[i]`, bytes with the header, of the block at `addresses[i]`; 0 where
 * it cannot be read. Blocks that were freed meanwhile have the size of what is there now. */
SPPROF_API void spprof_chunk_sizes(const uint64_t *addresses, size_t count, uint64_t *chunks);

/* As malloc_trim(0), where malloc is glibc's; else as its own function for it does. */
SPPROF_API void spprof_trim_malloc(void);

/* ---- Another malloc, preloaded or the program's own ---- */

typedef enum spprof_malloc_kind {
    SPPROF_MALLOC_UNKNOWN,
    SPPROF_MALLOC_JEMALLOC,
    SPPROF_MALLOC_TCMALLOC,
    SPPROF_MALLOC_MIMALLOC, /* tells no numbers that hold for all threads */
} spprof_malloc_kind;

typedef struct spprof_malloc_said {
    spprof_malloc_kind kind;
    uint64_t used;       /* bytes of blocks, as rounded; untouched pages of theirs included */
    uint64_t free_bytes; /* free and kept, in memory */
    uint64_t own;        /* what it holds for itself */
} spprof_malloc_said;

/* By its own statistics, for which it takes its locks, one arena after the other, as malloc does. False: it is libc's,
 * or has none that we know. */
SPPROF_API bool spprof_ask_malloc(spprof_malloc_said *said);

SPPROF_API void spprof_measure_malloc(const spprof_malloc_place *places, size_t count, spprof_malloc_sums *sums);

#endif
