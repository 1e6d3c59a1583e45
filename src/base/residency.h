/* residency.h: how much of a set of address ranges is resident, and how much is swapped out.
 *
 *   pages:   [ there | there | zeros | swapped | never touched ]      "zeros": the kernel's one page of zeros, which
 *   counted:  resident resident   0    swapped        0                reads of untouched memory show; not in any RSS
 *
 *   PAGEMAP_SCAN (Linux 6.7) ──► runs of pages of one kind; distinguishes zeros
 *   /proc/…/pagemap ───────────► a word for each page; smaps decides about pages that other processes may share
 *   /proc/…/smaps ─────────────► sums for each mapping; used if the others may not be read
 *
 *   mincore ───────────────────► a byte for each page; the only method on macOS, where pages that were only read are
 *                                resident, those of a file if they are in memory for any process, and compressed pages
 *                                are swapped out. Beyond 2²⁴ pages in all, the remaining extents are not known
 *
 * The program keeps running: no kernel lock is held for more than 16384 pages.
 *
 * Memory:  one mapping of 64 KiB during a measurement, and one of 32 KiB for smaps; on macOS, none.
 * Threads: any.
 * Signals: not in a handler. errno: preserved.
 * Full:    what cannot be measured is SP_NOT_KNOWN.
 */
#ifndef SP_RESIDENCY_H
#define SP_RESIDENCY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SP_NOT_KNOWN UINT64_MAX

typedef struct sp_extent {
    uint64_t start, size;       /* in bytes, not necessarily whole pages: a page counts only as far as it is within
                                 * the extent */
    uint64_t resident, swapped; /* output: bytes, or both SP_NOT_KNOWN */
} sp_extent;

typedef enum sp_residency_way {
    SP_RESIDENCY_NONE,
    SP_RESIDENCY_SMAPS,
    SP_RESIDENCY_PAGEMAP,
    SP_RESIDENCY_SCAN,
    SP_RESIDENCY_MINCORE /* taken whatever is allowed, except SP_RESIDENCY_NONE */
} sp_residency_way;

/* Return how many of the bytes in [from, to) are in the extent. */
static inline uint64_t sp_extent_within(const sp_extent *extent, uint64_t from, uint64_t to) {
    uint64_t end = extent->start + extent->size;
    if (from < extent->start) from = extent->start;
    if (to > end) to = end;
    return from < to ? to - from : 0;
}

/* Measure `count` extents, which must be in ascending order of their start. `best`: the best method allowed, for
 * tests. Return the method used. */
sp_residency_way sp_residency_measure(sp_extent *extents, size_t count, sp_residency_way best);

#endif
