/* malloc_sums.h: how much of libc's malloc is in use, and how much is free but kept.
 *
 *   heap:    [ chunk in use | free | in use | … | free | top ]      each begins with its size and a flag: is the chunk
 *   mapped:  [ chunk ]                                              before it in use? Large chunks are mapped singly
 *
 * The chunks are read in place, without malloc's locks, so no thread waits. The sums are off by whatever other threads
 * allocate or free in the meantime. If the heaps exceed 256 MiB, 128 MiB are read, and the sums are estimates.
 *
 * On macOS, spprof_measure_malloc finds nothing: the sums are those that libmalloc reports (spprof_ask_malloc).
 *
 * Memory:  buffers on the C stack, 24 KiB.
 * Threads: any; memory that is unmapped in the meantime is left out. Signals: not in a handler. Fork: nothing is kept.
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
    uint64_t heap_resident;   /* resident bytes of the heaps */
    uint64_t free_bytes;      /* bytes of free chunks in the heaps. Chunks that malloc keeps for the next request of
                               * their size (tcache, fast bins) count as in use */
    uint64_t free_resident;   /* of those, resident bytes */
    uint64_t returnable;      /* of those, whole pages: what malloc_trim(0) returns to the kernel */
    uint64_t mapped;          /* bytes of chunks that have their own mapping */
    uint64_t mapped_resident; /* of those, resident bytes */
    bool is_estimate;         /* only part of the heaps was read */
} spprof_malloc_sums;

/* A region that may hold a heap or a large chunk: [start, start + size), ascending, anonymous and writable. is_heap:
 * it is the kernel's [heap], where a heap begins at the first byte. */
typedef struct spprof_malloc_place {
    uint64_t start, size;
    bool is_heap;
} spprof_malloc_place;

/* Return false if malloc is not glibc's. */
SPPROF_API bool spprof_malloc_is_glibc(void);
/* Measure the engine's own memory (spprof_extent). Write up to `capacity` extents, in ascending order, and return
 * how many. */
#define SPPROF_OWN_EXTENTS 1024
SPPROF_API size_t spprof_own_extents(spprof_extent *extents, size_t capacity);

/* Find the chunks of blocks from glibc's malloc. `chunks[i]` receives the size in bytes, header included, of the
 * chunk that holds the block at `addresses[i]`, or 0 if it cannot be read. If the block has been freed in the
 * meantime, this is the size of whatever is there now. On macOS, where chunks have no headers: the block's size as
 * malloc rounds it. */
SPPROF_API void spprof_chunk_sizes(const uint64_t *addresses, size_t count, uint64_t *chunks);

/* Trim like malloc_trim(0) if malloc is glibc's; otherwise call the other allocator's own function for trimming, on
 * macOS that of all zones. */
SPPROF_API void spprof_trim_malloc(void);

/* ---- A malloc that reports its own statistics: macOS's, or one that is preloaded or the program's own ---- */

typedef enum spprof_malloc_kind {
    SPPROF_MALLOC_UNKNOWN,
    SPPROF_MALLOC_JEMALLOC,
    SPPROF_MALLOC_TCMALLOC,
    SPPROF_MALLOC_MIMALLOC,  /* reports no numbers that cover all threads */
    SPPROF_MALLOC_LIBMALLOC, /* macOS's own: its free bytes include pages that were never touched */
} spprof_malloc_kind;

typedef struct spprof_malloc_said {
    spprof_malloc_kind kind;
    uint64_t used;       /* bytes of blocks, rounded up as the allocator does; including their untouched pages */
    uint64_t free_bytes; /* bytes that are free but kept, and resident */
    uint64_t own;        /* bytes that the allocator uses for itself */
} spprof_malloc_said;

/* Read the allocator's own statistics. To produce them, the allocator takes its locks, one arena after the other,
 * like malloc does. Return false if the allocator is glibc's, or has no statistics that we know how to read. */
SPPROF_API bool spprof_ask_malloc(spprof_malloc_said *said);

SPPROF_API void spprof_measure_malloc(const spprof_malloc_place *places, size_t count, spprof_malloc_sums *sums);

#endif
