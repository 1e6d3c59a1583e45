/* How much of malloc's memory is in use and how much is free. Synthetic heaps are compared with a model that knows each
 * of their chunks, and heaps of libc's own malloc with its mallinfo2. The library is loaded, not preloaded, and never
 * started.
 */
#include "spprof.h"
#include "support.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE ((size_t)4096)
#define HEAP_MAX ((size_t)64 << 20)
#define IN_USE_BEFORE 1u /* the flags in a chunk's size */
#define IS_MAPPED 2u
#define OF_OTHER_ARENA 4u
#define PLACES 512

static __typeof__(spprof_measure_malloc) *measure_malloc;
static __typeof__(spprof_malloc_is_glibc) *malloc_is_glibc;

static void load_library(void) {
    void *library = dlopen(getenv("TEST_LIBRARY"), RTLD_NOW);
    CHECK(library != NULL);
    measure_malloc = (__typeof__(measure_malloc))dlsym(library, "spprof_measure_malloc");
    malloc_is_glibc = (__typeof__(malloc_is_glibc))dlsym(library, "spprof_malloc_is_glibc");
    CHECK(measure_malloc && malloc_is_glibc);
}

static spprof_malloc_sums measure_one(const void *start, size_t size, bool is_heap) {
    spprof_malloc_place place = {.start = (uintptr_t)start, .size = size, .is_heap = is_heap};
    spprof_malloc_sums sums;
    if (!measure_malloc) load_library();
    errno = 77;
    measure_malloc(&place, 1, &sums);
    assert_int_equal(errno, 77);
    return sums;
}

/* ---- Synthetic heaps ---- */

static char *map_aligned(size_t bytes, size_t alignment) {
    char *around = mmap(NULL, bytes + alignment, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(around != MAP_FAILED);
    char *inner = (char *)(((uintptr_t)around + alignment - 1) & ~(alignment - 1));
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
    assert_true(mmap(inner, bytes, PROT_READ | PROT_WRITE, flags, -1, 0) == inner);
    madvise(inner, bytes, MADV_NOHUGEPAGE); /* touching a page must not bring in others */
    return inner;
}

/* A heap from its first byte to its last, and the correct numbers for it. */
typedef struct made_heap {
    char *memory;
    size_t size;
    uint64_t flags, seed;
    size_t largest; /* size of the largest chunk */
    bool is_sparse; /* only the first bytes of chunks in use are written */
    size_t used, free_bytes, free_chunks;
    size_t free_resident, returnable;
} made_heap;

static void write_word(char *at, uint64_t word) {
    memcpy(at, &word, sizeof word);
}

static bool is_resident(const char *page) {
    unsigned char answer = 0;
    assert_int_equal(mincore((void *)page, PAGE, &answer), 0);
    return answer & 1;
}

/* Count a free chunk page by page. A page can be returned if it is completely inside the chunk, behind its two
 * header words and its two links. Other pages are resident, because they contain something that is in use. */
static void count_free(made_heap *made, size_t at, size_t size) {
    made->free_chunks++;
    made->free_bytes += size;
    made->free_resident += size;
    for (size_t page = (at + PAGE - 1) / PAGE * PAGE; page + PAGE <= at + size; page += PAGE) {
        if (page < at + 32) continue;
        if (is_resident(made->memory + page))
            made->returnable += PAGE;
        else
            made->free_resident -= PAGE;
    }
}

/* Fill the heap with random chunks from `at` on. One in three is free, but no two adjacent ones are; the last one is
 * free. */
static void fill(made_heap *made, size_t at) {
    bool is_free = false, was_free = false;
    for (size_t before = 0, size; at < made->size; before = size, was_free = is_free, at += size) {
        size = (random_below(&made->seed, made->largest) + 32) & ~(size_t)15;
        is_free = !was_free && random_below(&made->seed, 3) == 0;
        if (made->size - at < size + 64) size = made->size - at, is_free = !was_free;
        write_word(made->memory + at, was_free ? before : next_random(&made->seed)); /* or the user's data */
        write_word(made->memory + at + 8, size | made->flags | (was_free ? 0 : IN_USE_BEFORE));
        if (size == made->size - at) is_free = true;                    /* the last chunk is the top chunk */
        if (is_free && size > 4 * PAGE && random_below(&made->seed, 2)) /* some pages have been used before */
            for (size_t page = at + PAGE; page < at + size - PAGE; page += 3 * PAGE) made->memory[page] = 1;
        if (!is_free) memset(made->memory + at + 16, 0x41, made->is_sparse ? 16 : size - 16);
        made->used += is_free ? 0 : size;
    }
}

/* Count after all data has been written: only then is it known which pages are resident. */
static void count(made_heap *made, size_t at) {
    while (at < made->size) {
        uint64_t word, next = 0;
        memcpy(&word, made->memory + at + 8, sizeof word);
        size_t size = word & ~(uint64_t)7;
        if (at + size < made->size) memcpy(&next, made->memory + at + size + 8, sizeof next);
        if (!(next & IN_USE_BEFORE)) count_free(made, at, size);
        at += size;
    }
}

static void assert_counted(const spprof_malloc_sums *sums, const made_heap *made) {
    assert_true(made->free_chunks > 0);
    assert_int_equal(sums->heaps, 1);
    assert_int_equal(sums->free_bytes, made->free_bytes);
    assert_int_equal(sums->free_resident, made->free_resident);
    assert_int_equal(sums->returnable, made->returnable);
    assert_false(sums->is_estimate);
}

static const size_t largest[] = {96, 600, 5000, 200000};

TEST(test_each_free_chunk_of_the_first_heap_counts) {
    for (int round = 0; round < 24; round++) {
        made_heap made = {.size = (size_t)2 << 20, .seed = (uint64_t)round, .largest = largest[round % 4]};
        made.memory = map_aligned(made.size, PAGE);
        fill(&made, 0);
        count(&made, 0);
        spprof_malloc_sums sums = measure_one(made.memory, made.size, true);
        assert_counted(&sums, &made);
        assert_int_equal(sums.heap_resident - sums.free_resident, made.used);
        munmap(made.memory, made.size);
    }
}

/* Write the heap_info of a heap at a multiple of 64 MiB: its arena, the previous heap, its size, and how much of it
 * is writable. */
static void write_heap_info(char *heap, uint64_t arena, uint64_t before, uint64_t size, uint64_t writable) {
    write_word(heap, arena);
    write_word(heap + 8, before);
    write_word(heap + 16, size);
    write_word(heap + 24, writable);
}

TEST(test_each_free_chunk_of_a_further_arenas_heap_counts) {
    for (int round = 0; round < 12; round++) {
        made_heap made = {.size = (size_t)2 << 20, .seed = (uint64_t)round, .largest = largest[round % 4]};
        made.flags = OF_OTHER_ARENA;
        made.memory = map_aligned(HEAP_MAX, HEAP_MAX);
        write_heap_info(made.memory, (uintptr_t)made.memory + 48, 0, made.size, made.size + 8 * PAGE);
        fill(&made, 2256); /* the chunks begin after the arena itself */
        count(&made, 2256);
        spprof_malloc_sums sums = measure_one(made.memory, HEAP_MAX, false);
        assert_counted(&sums, &made);
        munmap(made.memory, HEAP_MAX);
    }
}

/* An arena's earlier heap ends with the memory that was free when the next one began, and two words that hold no
 * data: [ free | 16 | 0 ]. */
TEST(test_what_is_free_at_the_end_of_an_earlier_heap_counts) {
    char *memory = map_aligned(HEAP_MAX, HEAP_MAX);
    size_t size = 64 * PAGE, at = 64, free_size = size - 64 - 4096 - 32;
    write_heap_info(memory, (uintptr_t)memory + HEAP_MAX + 48, 0, size, size);
    write_word(memory + at + 8, 4096 | OF_OTHER_ARENA | IN_USE_BEFORE);
    write_word(memory + at + 4096 + 8, free_size | OF_OTHER_ARENA | IN_USE_BEFORE);
    write_word(memory + size - 32, free_size);
    write_word(memory + size - 32 + 8, 16);
    write_word(memory + size - 16 + 8, IN_USE_BEFORE);
    assert_int_equal(measure_one(memory, HEAP_MAX, false).free_bytes, free_size);
    write_word(memory + size - 32 + 8, 16 | IN_USE_BEFORE);
    assert_int_equal(measure_one(memory, HEAP_MAX, false).free_bytes, 0);
    munmap(memory, HEAP_MAX);
}

/* Other code has moved the end of the first heap, so malloc continues behind the gap. */
TEST(test_a_first_heap_with_a_hole_counts_on_both_sides) {
    made_heap first = {.size = 64 * PAGE, .seed = 1, .largest = 600}, second = {.size = 64 * PAGE, .seed = 2};
    second.largest = 600;
    char *memory = map_aligned(first.size + PAGE + second.size, PAGE);
    first.memory = memory;
    second.memory = memory + first.size + PAGE;
    first.size -= 32;
    fill(&first, 0);
    count(&first, 0);
    uint64_t last = 0;
    for (size_t at = 0, word; at < first.size; at += last) {
        memcpy(&word, memory + at + 8, sizeof word);
        last = word & ~(uint64_t)7;
    }
    write_word(memory + first.size, last);
    write_word(memory + first.size + 8, 16);
    write_word(memory + first.size + 16 + 8, 16 | IN_USE_BEFORE);
    memset(memory + first.size + 32, 0x55, PAGE);
    fill(&second, 0);
    count(&second, 0);
    spprof_malloc_sums sums = measure_one(memory, first.size + 32 + PAGE + second.size, true);
    assert_int_equal(sums.free_bytes, first.free_bytes + second.free_bytes);
    assert_int_equal(sums.free_resident, first.free_resident + second.free_resident);
}

TEST(test_large_chunks_count_whole_and_what_resembles_them_does_not) {
    char *memory = map_aligned(400 * PAGE, PAGE);
    write_word(memory + 8, 40 * PAGE | IS_MAPPED);
    memory[5 * PAGE] = 1;
    write_word(memory + 40 * PAGE + 8, 33 * PAGE | IS_MAPPED);
    spprof_malloc_sums sums = measure_one(memory, 400 * PAGE, false);
    assert_int_equal(sums.mapped, 73 * PAGE);
    assert_int_equal(sums.mapped_resident, 3 * PAGE);
    assert_int_equal(sums.heaps, 0);
    const uint64_t others[] = {
        400 * PAGE + 16,
        500 * PAGE | IS_MAPPED,
        (40 * PAGE + 16) | IS_MAPPED,
        UINT64_MAX,
        40 * PAGE | IS_MAPPED | IN_USE_BEFORE,
        0,
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        write_word(memory + 40 * PAGE + 8, others[i]);
        assert_int_equal(measure_one(memory, 400 * PAGE, false).mapped, 40 * PAGE);
    }
    write_word(memory + 40 * PAGE, 16);
    write_word(memory + 40 * PAGE + 8, 33 * PAGE | IS_MAPPED);
    assert_int_equal(measure_one(memory, 400 * PAGE, false).mapped, 40 * PAGE);
    munmap(memory, 400 * PAGE);
}

/* MALLOC_MMAP_THRESHOLD_ may have any value. */
TEST(test_chunks_of_few_pages_may_have_mappings_of_their_own) {
    char *memory = map_aligned(8 * PAGE, PAGE);
    const size_t pages[] = {1, 2, 1, 4};
    for (size_t i = 0, at = 0; i < 4; at += pages[i++] * PAGE) write_word(memory + at + 8, pages[i] * PAGE | IS_MAPPED);
    spprof_malloc_sums sums = measure_one(memory, 8 * PAGE, false);
    assert_int_equal(sums.mapped, 8 * PAGE);
    assert_int_equal(sums.mapped_resident, 4 * PAGE);
    munmap(memory, 8 * PAGE);
}

/* Since glibc 2.43 the stored size excludes the chunk's header. */
TEST(test_large_chunks_of_either_kind_count_whole) {
    char *memory = map_aligned(80 * PAGE, PAGE);
    write_word(memory + 8, (40 * PAGE - 16) | IS_MAPPED);
    write_word(memory + 40 * PAGE + 8, 40 * PAGE | IS_MAPPED);
    spprof_malloc_sums sums = measure_one(memory, 80 * PAGE, false);
    assert_int_equal(sums.mapped, 80 * PAGE);
    assert_int_equal(sums.mapped_resident, 2 * PAGE);
    munmap(memory, 80 * PAGE);
}

/* Memory that is unmapped after the kernel's list was read hides only itself. */
TEST(test_a_hole_hides_nothing_of_what_is_around_it) {
    const size_t pages = 6000, hole = 700; /* the kernel is asked for 2048 pages at a time */
    char *memory = map_aligned(pages * PAGE, PAGE);
    for (size_t at = 0; at < pages; at += 100) write_word(memory + at * PAGE + 8, 100 * PAGE | IS_MAPPED);
    load_library(); /* loaded first, so that it is not mapped into the hole */
    munmap(memory + hole * PAGE, 100 * PAGE);
    spprof_malloc_sums sums = measure_one(memory, pages * PAGE, false);
    assert_int_equal(sums.mapped, (pages - 100) * PAGE);
    assert_int_equal(sums.mapped_resident, (pages / 100 - 1) * PAGE);
    sums = measure_one(memory, pages * PAGE, true);
    assert_int_equal(sums.heap_resident, (pages / 100 - 1) * PAGE);
    munmap(memory, pages * PAGE);
}

/* Make a piece of the first arena, as when malloc could not extend [heap]. It ends with a top chunk, or with two
 * headers that hold no data. */
static void make_piece(made_heap *piece, bool is_latest) {
    size_t size = piece->size;
    uint64_t last = 0;
    piece->size -= is_latest ? 0 : 32;
    fill(piece, 0);
    write_word(piece->memory, 0); /* there is no previous chunk */
    count(piece, 0);
    if (is_latest) return;
    for (size_t at = 0, word; at < piece->size; at += last) {
        memcpy(&word, piece->memory + at + 8, sizeof word);
        last = word & ~(uint64_t)7;
    }
    write_word(piece->memory + size - 32, last);
    write_word(piece->memory + size - 32 + 8, 16);
    write_word(piece->memory + size - 16 + 8, 16 | IN_USE_BEFORE);
}

TEST(test_pieces_of_the_first_arena_elsewhere_count) {
    for (int round = 0; round < 24; round++) {
        const size_t size = (size_t)1 << 20, between = 3 * PAGE;
        char *memory = map_aligned(2 * (size + between), PAGE);
        made_heap latest = {.memory = memory, .size = size, .seed = (uint64_t)round, .largest = largest[round % 4]};
        made_heap before = latest;
        before.memory += size + between;
        memset(memory + size, 0x41, between); /* memory of other code */
        make_piece(&latest, true);
        make_piece(&before, false);
        spprof_malloc_sums sums = measure_one(memory, 2 * (size + between), false);
        assert_int_equal(sums.heaps, 2);
        assert_int_equal(sums.heap_resident - sums.free_resident, latest.used + before.used + 32);
        assert_int_equal(sums.free_bytes, latest.free_bytes + before.free_bytes);
        assert_int_equal(sums.returnable, latest.returnable + before.returnable);
        munmap(memory, 2 * (size + between));
    }
}

TEST(test_a_piece_that_is_free_as_a_whole_counts) {
    const size_t size = (size_t)132 << 10;
    char *memory = map_aligned(size, PAGE);
    write_word(memory + 8, size | IN_USE_BEFORE);
    spprof_malloc_sums sums = measure_one(memory, size, false);
    assert_int_equal(sums.heaps, 1);
    assert_int_equal(sums.free_bytes, size);
    munmap(memory, size);
}

/* ---- Memory that cannot be a heap ---- */

static void assert_within(const spprof_malloc_sums *sums, size_t size) {
    assert_true(sums->free_bytes <= size);
    assert_true(sums->free_resident <= sums->free_bytes);
    assert_true(sums->returnable <= sums->free_resident);
    assert_true(sums->heap_resident <= size);
    assert_true(sums->mapped <= size && sums->mapped_resident <= sums->mapped);
}

TEST(test_a_chunk_that_is_overwritten_costs_its_neighbours_alone) {
    const uint64_t wrong[] = {0, 8, 24, UINT64_MAX, (uint64_t)1 << 40, 0x4141414141414141};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        made_heap made = {.size = (size_t)2 << 20, .seed = i, .largest = 600};
        made.memory = map_aligned(made.size, PAGE);
        fill(&made, 0);
        count(&made, 0);
        size_t at = 0;
        for (uint64_t word; at < made.size / 2; at += word & ~(uint64_t)7) memcpy(&word, made.memory + at + 8, 8);
        write_word(made.memory + at + 8, wrong[i]);
        spprof_malloc_sums sums = measure_one(made.memory, made.size, true);
        assert_true(sums.free_bytes <= made.free_bytes && sums.free_bytes >= made.free_bytes - 4 * 700);
        munmap(made.memory, made.size);
    }
}

TEST(test_memory_that_only_looks_like_a_heap_is_read_and_left_alone) {
    uint64_t seed = 20261130;
    size_t size = 64 * PAGE;
    char *memory = map_aligned(size, HEAP_MAX);
    for (int round = 0; round < 300; round++) {
        for (size_t at = 0; at < size; at += 8) {
            uint64_t kind = random_below(&seed, 4), word = next_random(&seed);
            if (kind == 0) word &= 0xfff7; /* these look like valid sizes */
            if (kind == 1) word = at;
            if (kind == 2) word = (uintptr_t)memory + (word & 0xffff0);
            write_word(memory + at, word);
        }
        if (round % 3 == 0) write_heap_info(memory, (uintptr_t)memory + 48, 0, size, size);
        spprof_malloc_sums sums = measure_one(memory, size, round % 2);
        assert_within(&sums, size);
    }
    munmap(memory, size);
}

TEST(test_places_that_are_not_there_hold_nothing) {
    char *memory = map_aligned(64 * PAGE, PAGE);
    write_word(memory + 8, 64 * PAGE | IS_MAPPED);
    munmap(memory, 64 * PAGE);
    for (int is_heap = 0; is_heap < 2; is_heap++) {
        spprof_malloc_sums sums = measure_one(memory, 64 * PAGE, is_heap);
        assert_int_equal(sums.mapped + sums.free_bytes + sums.heap_resident, 0);
        sums = measure_one(memory, 0, is_heap);
        assert_int_equal(sums.mapped + sums.free_bytes + sums.heap_resident, 0);
    }
}

/* ---- Memory that is mapped and unmapped while it is read ---- */

#define ROOM (256 * PAGE)

typedef struct changes {
    char *memory;
    atomic_bool is_over;
} changes;

static void read_or_change(unsigned index, void *argument) {
    changes *changes = argument;
    if (index == 0) {
        for (int round = 0; round < 2000; round++) {
            spprof_malloc_place place = {.start = (uintptr_t)changes->memory, .size = ROOM, .is_heap = round % 2};
            spprof_malloc_sums sums;
            measure_malloc(&place, 1, &sums);
            CHECK(sums.free_bytes <= 2 * ROOM && sums.mapped_resident <= sums.mapped);
        }
        atomic_store(&changes->is_over, true);
    }
    uint64_t seed = index;
    while (!atomic_load(&changes->is_over)) {
        char *part = changes->memory + random_below(&seed, ROOM / PAGE / 16) * 16 * PAGE;
        uint64_t kind = random_below(&seed, 4);
        if (kind == 0) munmap(part, 16 * PAGE);
        if (kind == 1) mprotect(part, 16 * PAGE, PROT_NONE);
        const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
        char *now = mmap(part, 16 * PAGE, PROT_READ | PROT_WRITE, flags, -1, 0); /* used by this thread only */
        CHECK(now == part);
        for (size_t at = 0; at < 16 * PAGE; at += 4096) write_word(part + at + 8, 4096 | IN_USE_BEFORE);
    }
}

TEST(test_memory_may_be_unmapped_while_it_is_read) {
    load_library();
    changes changes = {.memory = map_aligned(ROOM, PAGE)};
    run_threads(2, read_or_change, &changes);
}

/* ---- More than is read ---- */

TEST(test_of_large_heaps_a_part_is_read_and_the_sums_are_estimates) {
    for (int round = 0; round < 2; round++) {
        made_heap made = {.size = (size_t)1 << 30, .seed = 5, .is_sparse = true};
        made.largest = round ? 300000 : 30000;
        made.memory = map_aligned(made.size, PAGE);
        fill(&made, 0);
        count(&made, 0);
        spprof_malloc_sums sums = measure_one(made.memory, made.size, true);
        assert_true(sums.is_estimate);
        assert_within(&sums, made.size);
        print_message("# free: %zu, estimated %zu; in memory %zu, %zu; returnable %zu, %zu\n", made.free_bytes,
                      (size_t)sums.free_bytes, made.free_resident, (size_t)sums.free_resident, made.returnable,
                      (size_t)sums.returnable);
        assert_true(sums.free_bytes > made.free_bytes / 100 * 95 && sums.free_bytes < made.free_bytes / 100 * 105);
        assert_true(sums.returnable > made.returnable / 100 * 90 && sums.returnable < made.returnable / 100 * 110);
        munmap(made.memory, made.size);
    }
}

TEST(test_of_many_small_heaps_some_are_read_and_stand_for_the_others) {
    const size_t heaps = 1200, size = (size_t)512 << 10;
    char *memory = map_aligned(heaps * size, PAGE);
    size_t free_bytes = 0, returnable = 0;
    for (size_t i = 0; i < heaps; i++) {
        made_heap made = {.memory = memory + i * size, .size = size, .seed = i, .largest = 30000, .is_sparse = true};
        make_piece(&made, false);
        free_bytes += made.free_bytes;
        returnable += made.returnable;
    }
    spprof_malloc_sums sums = measure_one(memory, heaps * size, false);
    assert_int_equal(sums.heaps, heaps);
    assert_true(sums.is_estimate);
    print_message("# free: %zu, estimated %zu; returnable %zu, %zu\n", free_bytes, (size_t)sums.free_bytes, returnable,
                  (size_t)sums.returnable);
    assert_true(sums.free_bytes > free_bytes / 100 * 95 && sums.free_bytes < free_bytes / 100 * 105);
    assert_true(sums.returnable > returnable / 100 * 90 && sums.returnable < returnable / 100 * 110);
    munmap(memory, heaps * size);
}

/* Reading must not bring pages into memory: the untouched part of a large chunk contains no chunks. */
TEST(test_pages_that_are_not_in_memory_are_not_touched) {
    size_t size = (size_t)1 << 30, half = size / 2;
    char *memory = map_aligned(size, PAGE);
    write_word(memory + 8, half | IN_USE_BEFORE);
    write_word(memory + half + 8, half | IN_USE_BEFORE);
    measure_one(memory, size, true);
    size_t resident = 0;
    for (size_t at = 0; at < size; at += PAGE) resident += is_resident(memory + at);
    assert_int_equal(resident, 2);
    munmap(memory, size);
}

/* ---- libc's own heaps ---- */

static size_t list_places(spprof_malloc_place *places) {
    static char line[4096];
    size_t count = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    CHECK(maps != NULL);
    setvbuf(maps, (char[512]){0}, _IOFBF, 512);
    while (fgets(line, sizeof line, maps) && count < PLACES) {
        unsigned long start, end, inode;
        char permissions[8], path[1024] = "";
        int fields = sscanf(line, "%lx-%lx %7s %*s %*s %lu %1023s", &start, &end, permissions, &inode, path);
        bool is_heap = strcmp(path, "[heap]") == 0;
        if (fields < 4 || strcmp(permissions, "rw-p") != 0 || (path[0] && !is_heap)) continue;
        spprof_malloc_place *before = count ? &places[count - 1] : NULL; /* two entries if a child has extended it */
        if (before && before->start + before->size == start && before->is_heap == is_heap)
            before->size = end - before->start;
        else
            places[count++] = (spprof_malloc_place){start, end - start, is_heap};
    }
    fclose(maps);
    return count;
}

static void assert_as_mallinfo(void) {
    static spprof_malloc_place places[PLACES];
    static spprof_malloc_sums sums;
    size_t count = list_places(places);
    struct mallinfo2 info = mallinfo2();
    measure_malloc(places, count, &sums);
    print_message("# free: %zu of mallinfo2's %zu; mapped: %zu of %zu; heaps: %zu\n", (size_t)sums.free_bytes,
                  info.fordblks - info.fsmblks, (size_t)sums.mapped, info.hblkhd, (size_t)sums.heaps);
    assert_int_equal(sums.free_bytes, info.fordblks - info.fsmblks);
    assert_int_equal(sums.mapped, info.hblkhd);
    assert_false(sums.is_estimate);
}

#define BLOCKS 20000

static void allocate_and_free(unsigned index, void *argument) {
    (void)argument;
    static char *kept[8][BLOCKS];
    uint64_t seed = index;
    char **blocks = kept[index];
    for (int i = 0; i < BLOCKS; i++) {
        size_t size = random_below(&seed, random_below(&seed, 100) ? 2000 : 100000) + 1;
        blocks[i] = malloc(size);
        CHECK(blocks[i] != NULL);
        memset(blocks[i], 1, size);
    }
    for (int i = 0; i < BLOCKS; i++)
        if (random_below(&seed, 10)) free(blocks[i]);
}

TEST(test_the_first_heap_is_as_libc_counts_it) {
    load_library();
    assert_true(malloc_is_glibc());
    allocate_and_free(0, NULL);
    assert_as_mallinfo();
}

TEST(test_heaps_of_further_arenas_are_as_libc_counts_them) {
    load_library();
    run_threads(6, allocate_and_free, NULL);
    assert_as_mallinfo();
}

TEST(test_large_blocks_are_as_libc_counts_them) {
    load_library();
    for (int i = 1; i < 40; i++) {
        char *block = malloc((size_t)i * 300000);
        assert_non_null(block);
        if (i % 4 == 0) free(block);
    }
    assert_as_mallinfo();
}

/* Allocate 40 MiB on one thread, in blocks that do not fit into the rest of a heap. This makes several heaps, each
 * with an unused rest. */
static void use_several_heaps(unsigned index, void *argument) {
    (void)index, (void)argument;
    for (int i = 0; i < 1500; i++) CHECK(memset(malloc(120000), 1, 120000));
}

TEST(test_an_arena_of_several_heaps_is_as_libc_counts_it) {
    load_library();
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    run_threads(1, use_several_heaps, NULL);
    assert_as_mallinfo();
}

/* libc returns as much of a heap as was predicted. */
TEST(test_what_can_be_given_back_is_what_libc_gives_back) {
    static spprof_malloc_place places[PLACES];
    static spprof_malloc_sums before, after;
    load_library();
    allocate_and_free(0, NULL);
    measure_malloc(places, list_places(places), &before);
    assert_true(before.returnable > (size_t)8 << 20);
    malloc_trim(0);
    measure_malloc(places, list_places(places), &after);
    print_message("# %zu returnable before, %zu after\n", (size_t)before.returnable, (size_t)after.returnable);
    assert_true(after.returnable <= before.returnable / 50);
    assert_true(before.heap_resident - after.heap_resident >= (before.returnable - after.returnable) / 100 * 99);
}

/* ---- Without process_vm_readv ---- */

TEST(test_heaps_are_read_where_the_kernel_refuses_to_copy) {
    made_heap made = {.size = (size_t)2 << 20, .seed = 3, .largest = 600};
    made.memory = map_aligned(made.size, PAGE);
    fill(&made, 0);
    count(&made, 0);
    load_library();
    refuse_system_call(SYS_process_vm_readv);
    spprof_malloc_sums sums = measure_one(made.memory, made.size, true);
    assert_counted(&sums, &made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_free_chunk_of_the_first_heap_counts),
        cmocka_unit_test(test_each_free_chunk_of_a_further_arenas_heap_counts),
        cmocka_unit_test(test_what_is_free_at_the_end_of_an_earlier_heap_counts),
        cmocka_unit_test(test_a_first_heap_with_a_hole_counts_on_both_sides),
        cmocka_unit_test(test_large_chunks_count_whole_and_what_resembles_them_does_not),
        cmocka_unit_test(test_chunks_of_few_pages_may_have_mappings_of_their_own),
        cmocka_unit_test(test_large_chunks_of_either_kind_count_whole),
        cmocka_unit_test(test_a_hole_hides_nothing_of_what_is_around_it),
        cmocka_unit_test(test_pieces_of_the_first_arena_elsewhere_count),
        cmocka_unit_test(test_a_piece_that_is_free_as_a_whole_counts),
        cmocka_unit_test(test_a_chunk_that_is_overwritten_costs_its_neighbours_alone),
        cmocka_unit_test(test_memory_that_only_looks_like_a_heap_is_read_and_left_alone),
        cmocka_unit_test(test_places_that_are_not_there_hold_nothing),
        cmocka_unit_test(test_memory_may_be_unmapped_while_it_is_read),
        cmocka_unit_test(test_of_large_heaps_a_part_is_read_and_the_sums_are_estimates),
        cmocka_unit_test(test_of_many_small_heaps_some_are_read_and_stand_for_the_others),
        cmocka_unit_test(test_pages_that_are_not_in_memory_are_not_touched),
        cmocka_unit_test(test_the_first_heap_is_as_libc_counts_it),
        cmocka_unit_test(test_heaps_of_further_arenas_are_as_libc_counts_them),
        cmocka_unit_test(test_large_blocks_are_as_libc_counts_them),
        cmocka_unit_test(test_an_arena_of_several_heaps_is_as_libc_counts_it),
        cmocka_unit_test(test_what_can_be_given_back_is_what_libc_gives_back),
        cmocka_unit_test(test_heaps_are_read_where_the_kernel_refuses_to_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
