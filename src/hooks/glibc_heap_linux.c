/* glibc_heap_linux.c: walks the chunks of glibc's malloc in memory. The layout is that of malloc/malloc.c and
 * malloc/arena.c in glibc 2.17 to 2.43, 64-bit.
 */
#include "memory.h"
#include "other_malloc.h"
#include "spprof.h"
#include "thread.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>

#define PAGE ((uintptr_t)sp_memory_page_bytes())
#define HEAP_ALIGNMENT ((uintptr_t)8 << 20) /* alignment of heaps in additional arenas: 64 MiB, or 4 huge pages */
#define HEAP_MAX ((uintptr_t)64 << 30)      /* enough for the largest supported huge pages */
#define HEADER ((uintptr_t)16)              /* of a chunk: the previous chunk's size, if that is free, and its own */
#define SMALLEST ((uintptr_t)32)

#define PREVIOUS_IN_USE 1u
#define IS_MAPPED 2u
#define OF_OTHER_ARENA 4u
#define FLAGS 7u

#define WHOLE_MAX ((uint64_t)256 << 20) /* if the heaps have at most this many bytes, all of them are read */
#define PART_READ ((uint64_t)128 << 20) /* bytes to read of larger heaps: takes 40 ms, mostly waiting for memory */
#define STRETCH ((uintptr_t)256 << 10)  /* bytes read at a time */
#define BELIEVED 64                     /* consecutive chunks that must fit to rule out coincidence */

typedef struct chunk {
    uint64_t previous_size, size_and_flags;
} chunk;

#define LEAST_READ ((uintptr_t)4096) /* a page or part of one: entirely resident or not at all */
#define MOST_READ ((uintptr_t)4 * LEAST_READ)

typedef struct reader {
    uintptr_t start, end; /* the range held in `bytes` */
    size_t ahead;         /* bytes to read next if reading is sequential */
    unsigned char bytes[MOST_READ];
} reader;

static uint64_t size_of(const chunk *chunk) {
    return chunk->size_and_flags & ~(uint64_t)FLAGS;
}

/* Return how many of the `wanted` bytes from `start` on can be read before the first page that is not resident.
 * Reading that page would bring it into memory. The page of `start` itself is resident. */
static size_t readable_from(uintptr_t start, size_t wanted) {
    unsigned char is_present[MOST_READ / LEAST_READ + 1];
    uintptr_t page_bytes = PAGE, first = start & ~(page_bytes - 1);
    size_t pages = (start + wanted - first + page_bytes - 1) / page_bytes, present = 1;
    if (pages < 2) return wanted;
    sp_memory_find_present(first, pages, is_present);
    while (present < pages && is_present[present]) present++;
    return present < pages ? first + present * page_bytes - start : wanted;
}

/* Small chunks are read one after another, so sequential reads take larger pieces. */
static bool fill(reader *reader, uintptr_t at) {
    uintptr_t start = at & ~(LEAST_READ - 1);
    bool goes_on = reader->end != 0 && start == reader->end;
    reader->ahead = !goes_on ? LEAST_READ : 2 * reader->ahead < MOST_READ ? 2 * reader->ahead : MOST_READ;
    size_t size = readable_from(start, reader->ahead);
    reader->end = 0;
    sp_thread_rest();
    if (!sp_memory_copy_by_kernel(reader->bytes, start, size)) {
        size = LEAST_READ;
        if (!sp_memory_copy_by_kernel(reader->bytes, start, size)) return false;
    }
    reader->start = start;
    reader->end = start + size;
    return true;
}

/* A chunk's header is within one page, which is resident. */
static bool read_chunk(reader *reader, uintptr_t at, chunk *chunk) {
    bool is_held = at >= reader->start && at < reader->end;
    if (!is_held && !fill(reader, at)) return false;
    memcpy(chunk, reader->bytes + (at - reader->start), sizeof *chunk);
    return true;
}

/* ---- Resident pages ---- */

#define WINDOW 2048 /* pages */

typedef struct resident_window {
    uintptr_t start, end;
    unsigned char pages[WINDOW];
} resident_window;

static uint64_t resident_in(uintptr_t start, uintptr_t end) {
    unsigned char pages[WINDOW];
    uint64_t count = 0;
    for (uintptr_t window = start; window < end; window += WINDOW * PAGE) {
        size_t here = end - window > WINDOW * PAGE ? WINDOW : (end - window + PAGE - 1) / PAGE;
        sp_memory_find_present(window, here, pages);
        for (size_t i = 0; i < here; i++) count += pages[i];
    }
    return count * PAGE;
}

/* ---- A heap ---- */

typedef struct heap {
    uintptr_t start, end;
    uint64_t flags; /* the flag that its used chunks may have: OF_OTHER_ARENA, or 0 */
} heap;

static bool is_chunk(const heap *heap, uintptr_t at, const chunk *chunk) {
    uint64_t size = size_of(chunk);
    return size >= SMALLEST && size % HEADER == 0 && size <= heap->end - at &&
           !(chunk->size_and_flags & (IS_MAPPED | OF_OTHER_ARENA) & ~heap->flags);
}

/* Add a free chunk: the pages that it has to itself, and the parts of pages that it shares with other chunks. Shared
 * pages are resident because those other chunks are in use. */
static void add_free(spprof_malloc_sums *sums, uintptr_t at, uint64_t size) {
    uintptr_t first = (at + SMALLEST + PAGE - 1) & ~(PAGE - 1), end = (at + size) & ~(PAGE - 1);
    sums->free_bytes += size;
    if (first >= end) {
        sums->free_resident += size;
        return;
    }
    uint64_t inner = resident_in(first, end);
    sums->free_resident += size - (end - first) + inner;
    sums->returnable += inner;
}

/* A heap that is followed by another heap of its arena ends with a last free chunk and, behind it, two headers that
 * hold no data. */
static bool is_end(const chunk *chunk) {
    return size_of(chunk) == HEADER && !(chunk->size_and_flags & (IS_MAPPED | OF_OTHER_ARENA));
}

/* Walk the chunks from `at` to `until`. The header of the next chunk says whether a chunk is in use; the last chunk
 * is free. Return the address at which the walk stopped. */
static uintptr_t walk(reader *reader, const heap *heap, uintptr_t at, uintptr_t until, spprof_malloc_sums *sums) {
    chunk chunk, next;
    if (!read_chunk(reader, at, &chunk) || !is_chunk(heap, at, &chunk)) return at;
    while (at < until) {
        uint64_t size = size_of(&chunk);
        if (size == heap->end - at) {
            add_free(sums, at, size);
            return heap->end;
        }
        if (heap->end - at - size < HEADER || !read_chunk(reader, at + size, &next)) return at;
        bool is_last = is_end(&next);
        if (!is_last && !is_chunk(heap, at + size, &next)) return at;
        if (!(next.size_and_flags & PREVIOUS_IN_USE)) {
            if (next.previous_size != size) return at;
            add_free(sums, at, size);
        }
        at += size;
        if (is_last) return at + HEADER;
        chunk = next;
    }
    return at;
}

static bool fits(reader *reader, const heap *heap, uintptr_t at) {
    chunk chunk;
    for (int i = 0; i < BELIEVED; i++) {
        if (!read_chunk(reader, at, &chunk)) return false;
        if (i > 0 && is_end(&chunk)) return true;
        if (!is_chunk(heap, at, &chunk)) return false;
        at += size_of(&chunk);
        if (at == heap->end) return true;
        if (heap->end - at < HEADER) return false;
    }
    return true;
}

/* Return the first chunk from `at` on, or `until` if there is none before it. Pages that are not resident are
 * skipped: reading would bring them into memory. */
static uintptr_t find_chunk(reader *reader, const heap *heap, uintptr_t at, uintptr_t until) {
    at = (at + HEADER - 1) & ~(HEADER - 1);
    while (at < until) {
        uintptr_t page = at & ~(PAGE - 1), end = page + PAGE < until ? page + PAGE : until;
        bool is_there = resident_in(page, page + PAGE) > 0;
        for (; is_there && at < end; at += HEADER)
            if (fits(reader, heap, at)) return at;
        at = end;
    }
    return until;
}

/* Skip chunks that cannot be read because another thread is changing them. */
static void walk_stretch(reader *reader, const heap *heap, uintptr_t start, uintptr_t end, spprof_malloc_sums *sums) {
    for (uintptr_t at = start; at < end;) {
        reader->end = 0; /* drop cached bytes */
        uintptr_t until = at + 4 * PAGE < end ? at + 4 * PAGE : end;
        at = find_chunk(reader, heap, at, until);
        if (at == until) continue;
        uintptr_t reached = walk(reader, heap, at, end, sums);
        at = reached > at ? reached : at + HEADER;
    }
}

static void scale(spprof_malloc_sums *part, spprof_malloc_sums *sums, double by) {
    sums->free_bytes += (uint64_t)((double)part->free_bytes * by);
    sums->free_resident += (uint64_t)((double)part->free_resident * by);
    sums->returnable += (uint64_t)((double)part->returnable * by);
}

#define SMALL_HEAP (3 * STRETCH)

/* Small heaps are read either whole or not at all. */
static void estimate_small(reader *reader, const heap *heap, double share, double *due, spprof_malloc_sums *sums) {
    spprof_malloc_sums part = {.heaps = 0};
    double size = (double)(heap->end - heap->start);
    *due += share * size;
    if (*due < size) return;
    *due -= size;
    walk_stretch(reader, heap, heap->start, heap->end, &part);
    scale(&part, sums, 1 / share);
}

/* Measure a heap, reading `share` of it (0 to 1). The last stretch, which contains the heap's last free chunk, is
 * always read. */
static void measure_heap(reader *reader, const heap *heap, double share, double *due, spprof_malloc_sums *sums) {
    spprof_malloc_sums part = {.heaps = 0};
    sums->heaps++;
    sums->heap_resident += resident_in(heap->start & ~(PAGE - 1), heap->end);
    if (share >= 1) {
        walk_stretch(reader, heap, heap->start, heap->end, sums);
        return;
    }
    sums->is_estimate = true;
    if (heap->end - heap->start < SMALL_HEAP) {
        estimate_small(reader, heap, share, due, sums);
        return;
    }
    uintptr_t step = (uintptr_t)((double)STRETCH / share), last = heap->end - STRETCH, read = 0;
    for (uintptr_t at = heap->start; at + STRETCH < last; at += step, read += STRETCH)
        walk_stretch(reader, heap, at, at + STRETCH, &part);
    if (read > 0) scale(&part, sums, (double)(last - heap->start) / (double)read);
    walk_stretch(reader, heap, last, heap->end, sums);
}

/* ---- Finding heaps ---- */

/* struct heap_info: the heap's arena, the previous heap, and the heap's extent. */
typedef struct heap_info {
    uint64_t arena, previous, size, writable_size;
} heap_info;

static bool is_heap_info(uintptr_t at, uintptr_t end, const heap_info *info) {
    return info->arena >= HEAP_ALIGNMENT && info->arena % HEADER == 0 && info->arena % HEAP_ALIGNMENT < 4 * PAGE &&
           info->previous % HEAP_ALIGNMENT == 0 && info->size % PAGE == 0 && info->size > 0 && info->size <= end - at &&
           info->writable_size >= info->size && info->writable_size % PAGE == 0 && info->writable_size <= HEAP_MAX;
}

/* Return the number of bytes in a large chunk's pages, or 0 if this is not a large chunk. Its size is stored at the
 * beginning of its pages. It is the size of all of them or, since glibc 2.43, that size without the header. There is
 * no lower bound, because programs may set the mmap threshold. */
static uint64_t mapped_size(uintptr_t at, uintptr_t end, const chunk *chunk) {
    uint64_t size = size_of(chunk);
    if (size % PAGE == PAGE - HEADER) size += HEADER;
    bool fits = size > 0 && size % PAGE == 0 && size <= end - at;
    return fits && chunk->previous_size == 0 && (chunk->size_and_flags & FLAGS) == IS_MAPPED ? size : 0;
}

/* If the kernel refuses to extend [heap], or malloc is told to use huge pages, the first arena has pieces elsewhere:
 *
 *   [ chunk | chunk | … | top ]   the latest, ends at a page boundary     [ chunk | … | 16 | 16 ]   earlier pieces
 */
#define LEAST_PIECE ((uintptr_t)128 << 10)

static bool is_first_of_piece(const chunk *chunk) {
    return chunk->previous_size == 0 && (chunk->size_and_flags & FLAGS) == PREVIOUS_IN_USE &&
           size_of(chunk) >= SMALLEST;
}

/* Return the end of a piece by following its chunks, or 0 if these are not chunks. The piece ends early where
 * another thread is currently changing a chunk. */
static uintptr_t find_end_of_piece(reader *reader, uintptr_t start, uintptr_t end) {
    heap piece = {.start = start, .end = end, .flags = 0};
    chunk chunk;
    reader->end = 0; /* drop cached bytes */
    uintptr_t at = start;
    for (int chunks = 0;; chunks++) {
        bool is_read = end - at >= HEADER && read_chunk(reader, at, &chunk);
        if (is_read && chunks > 0 && is_end(&chunk)) return end - at < 2 * HEADER ? end : at + 2 * HEADER;
        if (!is_read || !is_chunk(&piece, at, &chunk)) {
            bool is_top_before = at % PAGE == 0 && (chunks > 1 || at - start >= LEAST_PIECE);
            return is_top_before || chunks >= BELIEVED ? at : 0;
        }
        at += size_of(&chunk);
    }
}

typedef struct search {
    reader *reader;
    uint64_t heap_bytes; /* found so far */
    double share;        /* fraction to read; 0: only find the heaps */
    double due;          /* bytes of small heaps that `share` requires to be read but that have not been read yet */
    spprof_malloc_sums *sums;
} search;

static void found_heap(search *search, uintptr_t start, uintptr_t end, uint64_t flags) {
    heap heap = {.start = start, .end = end, .flags = flags};
    search->heap_bytes += end - start;
    if (search->share > 0) measure_heap(search->reader, &heap, search->share, &search->due, search->sums);
}

/* Return the start of the next resident page from `at` on. */
static uintptr_t next_resident(resident_window *window, uintptr_t at, uintptr_t end) {
    for (; at < end; at += PAGE) {
        if (at < window->start || at >= window->end) {
            window->start = at;
            window->end = end - at > WINDOW * PAGE ? at + WINDOW * PAGE : end;
            sp_memory_find_present(at, (window->end - at + PAGE - 1) / PAGE, window->pages);
        }
        if (window->pages[(at - window->start) / PAGE]) return at;
    }
    return end;
}

/* Return the address at which to continue. */
static uintptr_t look_at(search *search, uintptr_t at, uintptr_t end) {
    heap_info info;
    chunk chunk;
    sp_thread_rest();
    if (!sp_memory_copy_by_kernel(&info, at, sizeof info)) return at + PAGE;
    memcpy(&chunk, &info, sizeof chunk);
    if (at % HEAP_ALIGNMENT == 0 && is_heap_info(at, end, &info)) {
        found_heap(search, at + sizeof info, at + info.size, OF_OTHER_ARENA);
        return at + info.size;
    }
    if (is_first_of_piece(&chunk)) {
        uintptr_t piece_end = find_end_of_piece(search->reader, at, end);
        if (piece_end > at) found_heap(search, at, piece_end, 0);
        if (piece_end > at) return (piece_end + PAGE - 1) & ~(PAGE - 1);
    }
    uint64_t size = mapped_size(at, end, &chunk);
    if (size == 0) return at + PAGE;
    if (search->share > 0) {
        search->sums->mapped += size;
        search->sums->mapped_resident += resident_in(at, at + size);
    }
    return at + size;
}

static void search_place(search *search, const spprof_malloc_place *place) {
    resident_window window = {.start = 0};
    uintptr_t end = place->start + place->size;
    for (uintptr_t at = next_resident(&window, place->start, end); at < end; at = next_resident(&window, at, end))
        at = look_at(search, at, end);
}

static void search_places(search *search, const spprof_malloc_place *places, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (places[i].is_heap)
            found_heap(search, places[i].start, places[i].start + places[i].size, 0);
        else
            search_place(search, &places[i]);
}

/* ---- The interface ---- */

void spprof_trim_malloc(void) {
    if (spprof_malloc_is_glibc())
        malloc_trim(0);
    else
        sp_trim_other_malloc();
}

void spprof_chunk_sizes(const uint64_t *addresses, size_t count, uint64_t *chunks) {
    int saved_errno = errno;
    chunk chunk;
    for (size_t i = 0; i < count; i++)
        chunks[i] = sp_memory_copy_by_kernel(&chunk, addresses[i] - HEADER, sizeof chunk) ? size_of(&chunk) : 0;
    errno = saved_errno;
}

void spprof_measure_malloc(const spprof_malloc_place *places, size_t count, spprof_malloc_sums *sums) {
    int saved_errno = errno;
    reader reader;
    reader.start = reader.end = 0;
    search search = {.reader = &reader, .sums = sums};
    *sums = (spprof_malloc_sums){.heaps = 0};
    search_places(&search, places, count);
    search.share = search.heap_bytes > WHOLE_MAX ? (double)PART_READ / (double)search.heap_bytes : 1;
    search_places(&search, places, count);
    errno = saved_errno;
}
