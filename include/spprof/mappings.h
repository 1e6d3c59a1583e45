/* mappings.h: memory that the program mapped itself with mmap, mremap or shmat, until it is unmapped.
 *
 *   mmap ──► the kernel ──► a range [address, address + size) with the stack that made it
 *   munmap, mremap, MAP_FIXED, shmdt ──► ranges are removed, split, moved or replaced as in the kernel
 *
 * Mappings that are counted elsewhere are left out: those that the allocator in use makes, arenas of Python's pools,
 * and those made by code that has asked to be left out (spprof_leave_out_mappings_of). Calls by libc itself, by the
 * loader and by us reach no hook. Mappings from before the start are not listed. On macOS none is listed: nothing hooks
 * these functions.
 *
 * Every large mapping is listed. Mappings smaller than 128 KiB, or smaller than a quarter of the sampling interval if
 * that is more, are sampled: a mapping of s bytes is listed with probability 1 − exp(−s/interval). If the interval is
 * 0, all are listed.
 *
 * Memory:  ranges in mapped blocks, 64 bytes each, `mappings_max` at most.
 * Threads: any; one lock, held for a few hundred nanoseconds and never during a system call that the program makes.
 * Signals: a handler that interrupted the engine leaves its changes on a list that the next call empties.
 * Fork:    a child continues with its parent's ranges. A child of vfork changes nothing.
 * Full:    a range that does not fit is counted, and the call succeeds.
 * errno:   as the original left it.
 */
#ifndef SPPROF_MAPPINGS_H
#define SPPROF_MAPPINGS_H

#include "spprof/api.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum spprof_mapping_kind {
    SPPROF_MAPPING_UNKNOWN,   /* grown from a mapping made before the start */
    SPPROF_MAPPING_ANONYMOUS, /* private */
    SPPROF_MAPPING_FILE,      /* backed by a file, which the kernel's list names; may also be shared memory */
    SPPROF_MAPPING_SHARED     /* shared and anonymous, or System V */
} spprof_mapping_kind;

/* A range of whole pages. Two adjacent ranges stay separate, even if the kernel lists them as one. */
typedef struct spprof_mapping {
    uint64_t address, size;
    uint64_t stack_id;  /* spprof_stack_get */
    int64_t time_ns;    /* SPPROF_CLOCK, when it was made or last grew */
    double probability; /* of being listed; 1 for large ones. It stands for 1/probability such mappings */
    uint32_t thread_id; /* the kernel's id of the thread that made it */
    uint32_t kind;      /* spprof_mapping_kind */
} spprof_mapping;

/* Copy up to `capacity` ranges in the order of their addresses, and return how many there are. If that exceeds
 * `capacity`, call again with more room. Ranges that vanished without a hook noticing are removed first. The ranges'
 * stacks remain while spprof_keep_stacks holds, if it was called before. Not in a handler. */
SPPROF_API size_t spprof_copy_mappings(spprof_mapping *out, size_t capacity);

typedef struct spprof_mapping_stats {
    uint64_t ranges, ranges_max; /* listed now; the named maximum */
    uint64_t bytes;              /* their total virtual size, not weighted by their probability */
    uint64_t made;               /* listed so far, by a call that made or grew one */
    uint64_t dropped;            /* did not fit */
    uint64_t vanished; /* gone when a copy asked the kernel: unmapped in a way that no hook sees, or during the copy */
} spprof_mapping_stats;
SPPROF_API void spprof_get_mapping_stats(spprof_mapping_stats *stats);

/* From now on, leave out mappings made by calls from the object around `code`. Takes the loader's lock. */
SPPROF_API void spprof_leave_out_mappings_of(const void *code);

/* Between these two calls, mappings that this thread makes are left out, and nothing else changes. They are for an
 * allocator's arenas, whose blocks are counted separately. Calls nest. Signals: safe. */
SPPROF_API void spprof_begin_arena(void);
SPPROF_API void spprof_end_arena(void);
SPPROF_API bool spprof_in_arena(void);

#endif
