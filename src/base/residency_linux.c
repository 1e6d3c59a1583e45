#include "residency.h"

#include "maps.h"
#include "memory.h"
#include "proc_file.h"
#include "thread.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ROOM ((size_t)64 << 10)

typedef struct pagemap {
    int file;
    uint64_t page_size;
    void *room;           /* ROOM bytes */
    uint64_t scan_kinds;  /* the kinds PAGEMAP_SCAN can report; 0: the kernel has no such call */
    bool knows_exclusive; /* a word shows whether no other process has the page (Linux 4.2) */
} pagemap;

/* What a measurement knows about an extent besides its results. */
typedef struct progress {
    uint64_t uncertain;                 /* bytes of pages that are zeros or shared with others */
    uint64_t common, in_maps;           /* from smaps, for the mappings around the extent: bytes shared with others,
                                         * and all resident bytes */
    uint64_t least, most, swapped_most; /* the bounds that follow from smaps */
    bool is_unread;                     /* the pagemap was not read */
} progress;

static void know_nothing(sp_extent *extent) {
    extent->resident = extent->swapped = SP_NOT_KNOWN;
}

/* ---- PAGEMAP_SCAN ---- */

/* These definitions are from linux/fs.h; older systems lack them. */
typedef struct scan_argument {
    uint64_t size, flags, start, end, walk_end, regions, region_count, max_pages;
    uint64_t inverted, all_of, any_of, returned;
} scan_argument;
typedef struct scan_region {
    uint64_t start, end, kinds;
} scan_region;
#define PAGEMAP_SCAN UINT64_C(0xC0606610) /* _IOWR('f', 16, struct pm_scan_arg) */
_Static_assert(sizeof(scan_argument) == 0x60, "the call's number contains the size");
#define KIND_PRESENT (UINT64_C(1) << 3)
#define KIND_SWAPPED (UINT64_C(1) << 4)
#define KIND_ZEROS (UINT64_C(1) << 5)
#define KIND_GUARD (UINT64_C(1) << 8) /* Linux 6.15 */

/* The kernel holds the lock on all mappings during each call. */
#define PAGES_A_CALL 16384
#define BYTES_A_CALL (UINT64_C(1) << 30)
#define REGIONS_A_CALL 512 /* as many as the kernel collects at a time */

/* Scan regions, beginning at *at, and move *at to where the kernel stopped. Return −1 after an error. */
static long scan(const pagemap *map, uint64_t *at, uint64_t end) {
    if (end - *at > BYTES_A_CALL) end = *at + BYTES_A_CALL;
    scan_argument argument = {.size = sizeof argument,
                              .start = *at,
                              .end = end,
                              .regions = (uint64_t)(uintptr_t)map->room,
                              .region_count = REGIONS_A_CALL,
                              .max_pages = PAGES_A_CALL,
                              .any_of = KIND_PRESENT | KIND_SWAPPED,
                              .returned = map->scan_kinds};
    sp_thread_rest();
    long count = syscall(SYS_ioctl, map->file, PAGEMAP_SCAN, &argument);
    if (count < 0 || argument.walk_end <= *at) return -1;
    *at = argument.walk_end;
    return count;
}

static bool measure_by_scan(const pagemap *map, sp_extent *extent) {
    uint64_t at = extent->start & ~(map->page_size - 1), last = extent->start + extent->size;
    uint64_t end = (last + map->page_size - 1) & ~(map->page_size - 1);
    const scan_region *regions = map->room;
    while (at < end) {
        long count = scan(map, &at, end);
        if (count < 0) return false;
        for (long i = 0; i < count; i++) {
            uint64_t bytes = sp_extent_within(extent, regions[i].start, regions[i].end), kinds = regions[i].kinds;
            if (kinds & (KIND_ZEROS | KIND_GUARD)) continue;
            if (kinds & KIND_PRESENT)
                extent->resident += bytes;
            else
                extent->swapped += bytes;
        }
    }
    return true;
}

/* ---- Words of the pagemap ---- */

#define WORD_PRESENT (UINT64_C(1) << 63)
#define WORD_SWAPPED (UINT64_C(1) << 62)
#define WORD_GUARD (UINT64_C(1) << 58) /* Linux 6.15 */
#define WORD_EXCLUSIVE (UINT64_C(1) << 56)

/* 256 GiB: for untouched pages, reading takes a fifth of a second. */
#define BYTES_READ_MAX (UINT64_C(1) << 38)

/* Zeros are never marked as exclusive. Nothing else marks them: the huge page of zeros looks like a file's. */
static void add_words(const uint64_t *words, size_t count, uint64_t bytes, sp_extent *extent, progress *of) {
    uint64_t certain = 0, there = 0, swapped = 0;
    for (size_t i = 0; i < count; i++) {
        certain += (words[i] & (WORD_PRESENT | WORD_EXCLUSIVE)) == (WORD_PRESENT | WORD_EXCLUSIVE);
        there += (words[i] & WORD_PRESENT) != 0;
        swapped += (words[i] & (WORD_PRESENT | WORD_SWAPPED | WORD_GUARD)) == WORD_SWAPPED;
    }
    extent->resident += certain * bytes;
    of->uncertain += (there - certain) * bytes;
    extent->swapped += swapped * bytes;
}

/* Add the words of `count` pages, beginning with `page`. The first and the last page may be only partly in the
 * extent. */
static void add_pages(const pagemap *map, const uint64_t *words, size_t count, uint64_t page, sp_extent *extent,
                      progress *of) {
    size_t last = count - 1;
    uint64_t size = map->page_size;
    add_words(words, 1, sp_extent_within(extent, page * size, (page + 1) * size), extent, of);
    if (count > 1)
        add_words(words + last, 1, sp_extent_within(extent, (page + last) * size, (page + count) * size), extent, of);
    if (count > 2) add_words(words + 1, count - 2, size, extent, of);
}

static bool measure_by_words(const pagemap *map, sp_extent *extent, progress *of) {
    uint64_t page = extent->start / map->page_size;
    uint64_t end = (extent->start + extent->size + map->page_size - 1) / map->page_size;
    const uint64_t *words = map->room;
    while (page < end) {
        size_t wanted = end - page < ROOM / sizeof *words ? (size_t)(end - page) : ROOM / sizeof *words;
        sp_thread_rest();
        int64_t got = sp_proc_read_at(map->file, map->room, wanted * sizeof *words, page * sizeof *words);
        if (got < (int64_t)sizeof *words) return false;
        add_pages(map, words, (size_t)got / sizeof *words, page, extent, of);
        page += (size_t)got / sizeof *words;
    }
    return true;
}

/* ---- smaps ---- */

typedef struct smaps_walk {
    sp_extent *extents;
    progress *progresses;
    size_t count, next; /* the first extent that may extend into the following mappings */
} smaps_walk;

static void add_map(const sp_map *map, const sp_extent *extent, progress *of) {
    uint64_t bytes = sp_extent_within(extent, map->start, map->end), outside = map->end - map->start - bytes;
    if (bytes == 0) return;
    of->common += map->common;
    of->in_maps += map->resident;
    of->least += map->resident > outside ? map->resident - outside : 0;
    of->most += map->resident < bytes ? map->resident : bytes;
    of->swapped_most += map->swapped < bytes ? map->swapped : bytes;
}

static bool visit_map(const sp_map *map, void *data) {
    smaps_walk *walk = data;
    while (walk->next < walk->count && walk->extents[walk->next].start + walk->extents[walk->next].size <= map->start)
        walk->next++;
    for (size_t i = walk->next; i < walk->count && walk->extents[i].start < map->end; i++)
        add_map(map, &walk->extents[i], &walk->progresses[i]);
    return walk->next < walk->count;
}

/* The result is known only if the memory around the extent makes little difference. */
static void settle_unread(sp_extent *extent, const progress *of) {
    extent->resident = of->most;
    extent->swapped = of->swapped_most;
    if (of->most - of->least > extent->size / 64) know_nothing(extent);
}

/* Uncertain pages count only up to the number of bytes that smaps reports as shared with other processes. Without
 * smaps, all of them count. */
static void settle_uncertain(sp_extent *extent, const progress *of, bool is_walked, bool knows_exclusive) {
    uint64_t at_most = knows_exclusive ? of->common : of->in_maps;
    extent->resident += is_walked && at_most < of->uncertain ? at_most : of->uncertain;
}

static bool walk_smaps(sp_extent *extents, progress *progresses, size_t count) {
    smaps_walk walk = {.extents = extents, .progresses = progresses, .count = count};
    return sp_maps_each(true, visit_map, &walk);
}

/* ---- All methods together ---- */

/* Return whether smaps is needed. A few uncertain pages are counted without it: its sums take the kernel longer than
 * all the words. */
static bool needs_smaps(const sp_extent *extents, const progress *progresses, size_t count) {
    uint64_t uncertain = 0, certain = 0;
    for (size_t i = 0; i < count; i++) {
        if (progresses[i].is_unread) return true;
        uncertain += progresses[i].uncertain;
        certain += extents[i].resident;
    }
    return uncertain > certain / 64;
}

static void measure_by_pagemap(const pagemap *map, sp_extent *extents, progress *progresses, size_t count) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bool is_due = extents[i].size <= BYTES_READ_MAX - bytes;
        progresses[i].is_unread = !is_due || !measure_by_words(map, &extents[i], &progresses[i]);
        if (is_due) bytes += extents[i].size;
    }
    bool is_walked = needs_smaps(extents, progresses, count) && walk_smaps(extents, progresses, count);
    for (size_t i = 0; i < count; i++) {
        if (!progresses[i].is_unread)
            settle_uncertain(&extents[i], &progresses[i], is_walked, map->knows_exclusive);
        else if (is_walked)
            settle_unread(&extents[i], &progresses[i]);
        else
            know_nothing(&extents[i]);
    }
}

static bool measure_by_smaps(sp_extent *extents, progress *progresses, size_t count) {
    if (!walk_smaps(extents, progresses, count)) return false;
    for (size_t i = 0; i < count; i++) settle_unread(&extents[i], &progresses[i]);
    return true;
}

static void try_scan(pagemap *map, uint64_t page) {
    static const uint64_t kinds[] = {KIND_PRESENT | KIND_SWAPPED | KIND_ZEROS | KIND_GUARD,
                                     KIND_PRESENT | KIND_SWAPPED | KIND_ZEROS};
    const scan_region *regions = map->room;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        uint64_t at = page * map->page_size;
        map->scan_kinds = kinds[i];
        if (scan(map, &at, at + map->page_size) == 1 && regions[0].kinds == KIND_PRESENT) return;
    }
    map->scan_kinds = 0;
}

/* Test the methods with a page that is certainly resident. */
static sp_residency_way open_pagemap(pagemap *map, sp_residency_way best) {
    volatile char here = 1;
    uint64_t word, page = (uint64_t)(uintptr_t)&here / map->page_size;
    if (best < SP_RESIDENCY_PAGEMAP) return SP_RESIDENCY_SMAPS;
    map->file = sp_proc_open("pagemap");
    if (map->file < 0) return SP_RESIDENCY_SMAPS;
    if (sp_proc_read_at(map->file, &word, sizeof word, page * sizeof word) != sizeof word || !(word & WORD_PRESENT)) {
        sp_proc_close(map->file);
        return SP_RESIDENCY_SMAPS;
    }
    map->knows_exclusive = word & WORD_EXCLUSIVE;
    if (best >= SP_RESIDENCY_SCAN) try_scan(map, page);
    return map->scan_kinds ? SP_RESIDENCY_SCAN : SP_RESIDENCY_PAGEMAP;
}

static sp_residency_way measure(pagemap *map, sp_extent *extents, progress *progresses, size_t count,
                                sp_residency_way best) {
    sp_residency_way way = open_pagemap(map, best);
    if (way == SP_RESIDENCY_SMAPS) return measure_by_smaps(extents, progresses, count) ? way : SP_RESIDENCY_NONE;
    if (way == SP_RESIDENCY_PAGEMAP) measure_by_pagemap(map, extents, progresses, count);
    for (size_t i = 0; way == SP_RESIDENCY_SCAN && i < count; i++)
        if (!measure_by_scan(map, &extents[i])) know_nothing(&extents[i]);
    sp_proc_close(map->file);
    return way;
}

sp_residency_way sp_residency_measure(sp_extent *extents, size_t count, sp_residency_way best) {
    int saved_errno = errno;
    pagemap map = {.file = -1, .page_size = (uint64_t)sysconf(_SC_PAGESIZE), .room = sp_memory_map(ROOM)};
    progress *progresses = sp_memory_map((count + 1) * sizeof *progresses);
    sp_residency_way way = SP_RESIDENCY_NONE;
    for (size_t i = 0; i < count; i++) extents[i].resident = extents[i].swapped = 0;
    if (map.room && progresses && best > SP_RESIDENCY_NONE) way = measure(&map, extents, progresses, count, best);
    for (size_t i = 0; way == SP_RESIDENCY_NONE && i < count; i++) know_nothing(&extents[i]);
    if (progresses) sp_memory_unmap(progresses, (count + 1) * sizeof *progresses);
    if (map.room) sp_memory_unmap(map.room, ROOM);
    errno = saved_errno;
    return way;
}
