/* residency.h: how much of some ranges of addresses is in memory, and how much in the swap.
 *
 *   pages:   [ there | there | zeros | swapped | never touched ]      "zeros": the kernel's one page of zeros, which
 *   counted:  resident resident   0    swapped        0                reading untouched memory shows; in nobody's RSS
 *
 *   PAGEMAP_SCAN (Linux 6.7) ──► runs of pages of one kind; tells zeros apart
 *   /proc/…/pagemap ───────────► a word for each page; pages that others may have too are settled by smaps
 *   /proc/…/smaps ─────────────► sums for each mapping: where there is no right to read the others
 *
 * The program runs on meanwhile: no lock of the kernel's is held for more than 16384 pages.
 *
 * Memory:  one mapping of 64 KiB while it measures, and one of 32 KiB for smaps.
 * Threads: any.
 * Signals: not in a handler. errno: left alone.
 * Full:    what cannot be told is SP_NOT_KNOWN.
 */
#ifndef SP_RESIDENCY_H
#define SP_RESIDENCY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SP_NOT_KNOWN UINT64_MAX

typedef struct sp_extent {
    uint64_t start, size;       /* bytes; need not be whole pages: a page counts with what of it lies within */
    uint64_t resident, swapped; /* written: bytes, or both SP_NOT_KNOWN */
} sp_extent;

typedef enum sp_residency_way {
    SP_RESIDENCY_NONE,
    SP_RESIDENCY_SMAPS,
    SP_RESIDENCY_PAGEMAP,
    SP_RESIDENCY_SCAN
} sp_residency_way;

/* Measures `count` extents, ascending by their start. `best`: the best way that may be taken; tests choose. Returns the
 * way that was taken. */
sp_residency_way sp_residency_measure(sp_extent *extents, size_t count, sp_residency_way best);

#endif
