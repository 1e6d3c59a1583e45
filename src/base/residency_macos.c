#include "residency.h"

#include "memory.h"
#include "pages.h"

#include <errno.h>
#include <sys/mman.h>

#define PAGES_A_CALL 4096 /* the kernel allocates 32 bytes for each page that it is asked about */
#define PAGES_MAX (UINT64_C(1) << 24)

static void add_pages(sp_extent *extent, uint64_t at, const unsigned char *flags, size_t count) {
    uint64_t page = sp_memory_page_bytes();
    for (size_t i = 0; i < count; i++, at += page) {
        uint64_t bytes = sp_extent_within(extent, at, at + page);
        if (flags[i] & MINCORE_INCORE)
            extent->resident += bytes;
        else if (flags[i] & MINCORE_PAGED_OUT)
            extent->swapped += bytes;
    }
}

static void measure(sp_extent *extent, uint64_t at, uint64_t pages) {
    unsigned char flags[PAGES_A_CALL];
    while (pages > 0) {
        size_t count = pages < PAGES_A_CALL ? (size_t)pages : PAGES_A_CALL;
        sp_pages_look((uintptr_t)at, count, flags);
        add_pages(extent, at, flags, count);
        at += count * sp_memory_page_bytes();
        pages -= count;
    }
}

sp_residency_way sp_residency_measure(sp_extent *extents, size_t count, sp_residency_way best) {
    int saved_errno = errno;
    uint64_t page = sp_memory_page_bytes(), left = PAGES_MAX;
    for (size_t i = 0; i < count; i++) {
        uint64_t at = extents[i].start & ~(page - 1);
        uint64_t pages = (extents[i].start + extents[i].size - at + page - 1) / page;
        bool is_known = pages <= left && best > SP_RESIDENCY_NONE;
        extents[i].resident = extents[i].swapped = is_known ? 0 : SP_NOT_KNOWN;
        if (!is_known) continue;
        left -= pages;
        measure(&extents[i], at, pages);
    }
    errno = saved_errno;
    return best > SP_RESIDENCY_NONE ? SP_RESIDENCY_MINCORE : SP_RESIDENCY_NONE;
}
