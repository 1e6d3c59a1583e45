#include "pools.h"

#include "scattered_read.h"
#include "spprof.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_ALIGNMENT 16
#define CLASSES 32 /* size classes, up to 512 bytes */
#define ARENA_INDEX_MAX (1u << 24)
#define BATCH SP_SCATTERED_MAX
#define WINDOW 4096   /* pages examined at a time */
#define ONE_IN_MAX 16 /* of an arena's 64 pools, at least 4 are read */
#define LEAST_PAGE 4096

typedef struct pool_header {
    uint64_t count; /* a union of an unsigned int and a pointer */
    uintptr_t free_block;
    uintptr_t next, previous;
    uint32_t arena, size_class, next_offset, max_next_offset;
} pool_header;
_Static_assert(sizeof(pool_header) == 48, "struct pool_header");

typedef struct layout {
    size_t pool_bytes, arena_bytes;
} layout;

static const layout layouts[] = {{4096, 256 * 1024}, {16384, 1024 * 1024}};

typedef struct sums {
    layout layout;
    uintptr_t page_bytes;
    uint64_t candidates;      /* resident addresses at which a pool may begin */
    uint64_t one_in;          /* 1 in this many pools is read and represents the others */
    uintptr_t floor, ceiling; /* the outermost bounds of the last arena seen */
    uint64_t pools, arenas, used, resident;
    uintptr_t arena_start, arena_end; /* the last arena seen: its first pool, and the end of its last pool so far */
    uint32_t arena_index;
    uint64_t *places; /* start and end of each arena, from PyMem_RawMalloc */
    size_t room;
} sums;

/* ---- Recognising a pool ---- */

static bool is_block_of(uintptr_t block, uintptr_t pool, const layout *layout) {
    return block >= pool + sizeof(pool_header) && block < pool + layout->pool_bytes && block % BLOCK_ALIGNMENT == 0;
}

static bool is_pool(const pool_header *header, uintptr_t address, const layout *layout) {
    uint32_t count = (uint32_t)header->count;
    size_t size = (header->size_class + (size_t)1) * BLOCK_ALIGNMENT;
    if (header->size_class >= CLASSES || header->arena >= ARENA_INDEX_MAX) return false;
    if (header->max_next_offset != layout->pool_bytes - size || header->next_offset % BLOCK_ALIGNMENT != 0)
        return false;
    if (header->next_offset < sizeof(pool_header) || header->next_offset > layout->pool_bytes) return false;
    if (count > (layout->pool_bytes - sizeof(pool_header)) / size) return false;
    return header->free_block == 0 || is_block_of(header->free_block, address, layout);
}

/* ---- Reading ---- */

/* Read headers. Return how many could be read, counting from the first. */
static size_t read_headers(const uintptr_t *at, pool_header *headers, size_t count) {
    spprof_rest();
    ssize_t got = sp_scattered_read(headers, sizeof *headers, at, count);
    if (got >= 0) return (size_t)got;
    size_t copied = 0;
    while (copied < count && spprof_copy_memory(&headers[copied], at[copied], sizeof *headers)) copied++;
    return copied;
}

/* Return whether `pool` is resident and belongs to arena `index`. */
static bool is_of_arena(const sums *sums, uintptr_t pool, uint32_t index) {
    unsigned char is_present;
    pool_header header;
    spprof_find_present(pool / sums->page_bytes * sums->page_bytes, 1, &is_present);
    return is_present && read_headers(&pool, &header, 1) == 1 && is_pool(&header, pool, &sums->layout) &&
           header.arena == index;
}

/* ---- Adding up ---- */

static uint64_t resident_of(uintptr_t page_bytes, uintptr_t start, uintptr_t end) {
    unsigned char pages[1024 * 1024 / LEAST_PAGE + 1];
    uintptr_t first = start / page_bytes * page_bytes, count = (end - first + page_bytes - 1) / page_bytes;
    uint64_t bytes = 0;
    if (count > sizeof pages) return 0;
    spprof_find_present(first, count, pages);
    for (size_t i = 0; i < count; i++) bytes += pages[i] ? page_bytes : 0;
    return bytes < end - start ? bytes : end - start;
}

/* Record the arena, or leave it out if there is no memory for it. */
static void note_arena(sums *sums) {
    if (2 * sums->arenas + 2 > sums->room) {
        size_t room = 2 * sums->room + 256;
        uint64_t *larger = PyMem_RawRealloc(sums->places, room * sizeof *larger);
        if (!larger) return;
        sums->places = larger;
        sums->room = room;
    }
    sums->places[2 * sums->arenas] = sums->arena_start;
    sums->places[2 * sums->arenas++ + 1] = sums->arena_end;
}

/* Extend the arena back to its first pool and forward to its last, since not every pool was read. Most arenas begin
 * where the previous one ends, and are full. */
static void complete_arena(sums *sums) {
    size_t step = sums->layout.pool_bytes;
    uintptr_t start = sums->arena_start, end = sums->arena_end, least = sums->floor, most = sums->ceiling;
    if (end - least > sums->layout.arena_bytes) least = end - sums->layout.arena_bytes;
    if (start > least && is_of_arena(sums, least, sums->arena_index)) start = least;
    while (start - least >= step && is_of_arena(sums, start - step, sums->arena_index)) start -= step;
    if (most - start > sums->layout.arena_bytes) most = start + sums->layout.arena_bytes;
    for (int i = 0; i < 2 && most - end >= step; i++, most -= step)
        if (is_of_arena(sums, most - step, sums->arena_index)) end = most;
    while (most > end && most - end >= step && is_of_arena(sums, end, sums->arena_index)) end += step;
    sums->arena_start = start;
    sums->arena_end = end;
}

/* Finish the arena, which spans its first pool to its last. The memory after the last pool has not been touched, or
 * belongs to something else, so the arena's true end is unknown. */
static void end_arena(sums *sums) {
    if (sums->arena_start == sums->arena_end) return;
    if (sums->one_in > 1) complete_arena(sums);
    note_arena(sums);
    sums->resident += resident_of(sums->page_bytes, sums->arena_start, sums->arena_end);
    sums->floor = sums->arena_end;
    sums->arena_start = sums->arena_end = 0;
}

static void add_pool(sums *sums, uintptr_t address, const pool_header *header) {
    uintptr_t pool_end = address + sums->layout.pool_bytes;
    bool is_new = header->arena != sums->arena_index || pool_end - sums->arena_start > sums->layout.arena_bytes;
    if (is_new) {
        end_arena(sums);
        sums->arena_start = address;
        sums->arena_index = header->arena;
    }
    sums->arena_end = pool_end;
    sums->pools += sums->one_in;
    sums->used += sums->one_in * (uint32_t)header->count * (header->size_class + (uint64_t)1) * BLOCK_ALIGNMENT;
}

static void add_batch(sums *sums, const uintptr_t *at, size_t count) {
    pool_header headers[BATCH];
    for (size_t done = 0; done < count;) {
        size_t got = read_headers(at + done, headers, count - done);
        for (size_t i = 0; i < got; i++)
            if (is_pool(&headers[i], at[done + i], &sums->layout)) add_pool(sums, at[done + i], &headers[i]);
        done += got + 1; /* one header could not be read: that memory has been unmapped */
    }
}

/* In the first pass (one_in is 0), candidates are only counted. */
static void add_range(sums *sums, uintptr_t start, uintptr_t end) {
    unsigned char pages[WINDOW];
    uintptr_t at[BATCH], page = sums->page_bytes;
    size_t count = 0, step = sums->layout.pool_bytes;
    sums->floor = (start + step - 1) / step * step;
    sums->ceiling = end / step * step;
    for (uintptr_t window = start / page * page; window < end; window += WINDOW * page) {
        uintptr_t window_end = end - window > WINDOW * page ? window + WINDOW * page : end;
        spprof_find_present(window, (window_end - window + page - 1) / page, pages);
        for (uintptr_t pool = (window + step - 1) / step * step; pool < window_end; pool += step) {
            if (!pages[(pool - window) / page] || pool < start || end - pool < step) continue;
            sums->candidates += sums->one_in == 0;
            if (sums->one_in == 0 || pool / step % sums->one_in != 0) continue;
            at[count++] = pool;
            if (count == BATCH) add_batch(sums, at, count), count = 0;
        }
    }
    add_batch(sums, at, count);
    end_arena(sums);
}

/* ---- Finding the layout ---- */

static bool has_layout(uintptr_t block, const layout *layout) {
    uintptr_t pool = block / layout->pool_bytes * layout->pool_bytes;
    pool_header header;
    return read_headers(&pool, &header, 1) == 1 && is_pool(&header, pool, layout) && header.count > 0 &&
           is_block_of(block, pool, layout);
}

/* Find the layout from a newly allocated block, which is in a pool if any block is. The block must not be sampled: a
 * sampled block is not in a pool. */
static bool find_layout(layout *found) {
    spprof_pause();
    void *block = PyObject_Malloc(64);
    spprof_resume();
    bool is_found = false;
    for (size_t i = 0; block && !is_found && i < sizeof layouts / sizeof *layouts; i++) {
        is_found = has_layout((uintptr_t)block, &layouts[i]);
        if (is_found) *found = layouts[i];
    }
    PyObject_Free(block);
    return is_found;
}

typedef struct range {
    unsigned long long start, end;
} range;

static bool read_ranges(PyObject *list, range *ranges) {
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++)
        if (!PyArg_ParseTuple(PyList_GET_ITEM(list, i), "KK:python_pools", &ranges[i].start, &ranges[i].end))
            return false;
    return true;
}

static void add_ranges(sums *sums, const range *ranges, size_t count, uint64_t most) {
    for (size_t i = 0; i < count; i++) add_range(sums, (uintptr_t)ranges[i].start, (uintptr_t)ranges[i].end);
    sums->one_in = most == 0 || sums->candidates <= most ? 1 : (sums->candidates + most - 1) / most;
    if (sums->one_in > ONE_IN_MAX) sums->one_in = ONE_IN_MAX;
    for (size_t i = 0; i < count; i++) add_range(sums, (uintptr_t)ranges[i].start, (uintptr_t)ranges[i].end);
}

PyObject *sp_pools_with_gil(PyObject *module, PyObject *arguments) {
    (void)module;
    sums sums = {.page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE)};
    PyObject *list;
    unsigned long long most;
    if (!PyArg_ParseTuple(arguments, "O!K:python_pools", &PyList_Type, &list, &most)) return NULL;
    if (!find_layout(&sums.layout)) Py_RETURN_NONE;
    size_t count = (size_t)PyList_GET_SIZE(list);
    range *ranges = PyMem_RawMalloc((count + 1) * sizeof *ranges);
    if (!ranges) return PyErr_NoMemory();
    PyObject *places = NULL;
    if (read_ranges(list, ranges)) {
        Py_BEGIN_ALLOW_THREADS /* only once: reacquiring may take a long time. Reading unmapped memory is safe */
        add_ranges(&sums, ranges, count, most);
        Py_END_ALLOW_THREADS
        places = PyBytes_FromStringAndSize((char *)sums.places, (Py_ssize_t)(16 * sums.arenas));
    }
    PyMem_RawFree(sums.places);
    PyMem_RawFree(ranges);
    if (!places) return NULL;
    return Py_BuildValue("KKKN", (unsigned long long)sums.pools, (unsigned long long)sums.used,
                         (unsigned long long)sums.resident, places);
}
