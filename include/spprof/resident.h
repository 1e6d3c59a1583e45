/* resident.h: how much of what the program has asked for is in memory.
 *
 *   [ touched | zeros that were only read | swapped | never touched ]
 *     resident   in nobody's RSS            swapped   nothing
 *
 * Memory:  mapped while it measures, and given back; some 64 KiB, and 100 bytes for each extent.
 * Threads: any. The program runs on meanwhile, and what it unmaps is not there any more.
 * Signals: not called in a handler.
 * Fork:    a child asks for itself.
 * Full:    what cannot be told is SPPROF_NOT_KNOWN: without /proc, or without the right to read it.
 */
#ifndef SPPROF_RESIDENT_H
#define SPPROF_RESIDENT_H

#include "spprof/api.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPPROF_NOT_KNOWN UINT64_MAX

/* Blocks of fewer bytes are taken as resident: what is asked for in such pieces is nearly always written to, and the
 * allocators of Python and libc serve it from memory that other blocks have touched before. */
#define SPPROF_LARGE_BLOCK ((uint64_t)128 << 10)

/* Some bytes that lie together: a block, a mapping. */
typedef struct spprof_extent {
    uint64_t start, size;
    uint64_t resident, swapped; /* written: bytes of it, or both SPPROF_NOT_KNOWN */
} spprof_extent;

/* Measures extents, ascending by their start. False: nothing is known of any. */
SPPROF_API bool spprof_measure_resident(spprof_extent *extents, size_t count);

#endif
