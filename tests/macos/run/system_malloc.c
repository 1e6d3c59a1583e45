/* system_malloc.c: a model of macOS's libsystem_malloc, compiled for macOS.
 *
 *   region:  [ 2^4 | 2^5 | 2^6 | … | 2^27 ]     one area for each size of block; the last freed block is the next one
 *
 * It reports to malloc_logger in libmalloc's order: allocations and reallocs after they were made, frees before. A
 * freed block is handed out again at once, to any thread, so a late report meets the next owner's block.
 *
 * Memory:  mapped when it is loaded, resident where used. A test that needs more fails.
 * Threads: any; one lock. Fork: the lock is free in the child.
 */
#include <errno.h>
#include <malloc/malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { SMALLEST = 4, LARGEST = 27, CLASSES = LARGEST - SMALLEST + 1 };
#define AREA_BYTES (UINT64_C(1) << 30)
#define BLOCKS_MAX (1 << 20) /* in an area */

typedef struct area {
    uint8_t *start;
    uint32_t used;                                /* blocks that were ever handed out */
    uint32_t free_count, free_blocks[BLOCKS_MAX]; /* a stack of block numbers */
    _Atomic bool in_use[BLOCKS_MAX];              /* read without the lock by malloc_size */
} area;

static area areas[CLASSES];
static atomic_flag lock = ATOMIC_FLAG_INIT;
static _Atomic uint64_t bytes_in_use, blocks_in_use;

typedef void logger(uint32_t type, uintptr_t zone, uintptr_t second, uintptr_t third, uintptr_t result, uint32_t skip);
logger *malloc_logger;

enum { ALLOCATES = 2, FREES = 4, HAS_ZONE = 8, CLEARS = 64 };
static malloc_zone_t the_zone;

static void acquire(void) {
    while (atomic_flag_test_and_set_explicit(&lock, memory_order_acquire)) sched_yield();
}

static void release(void) {
    atomic_flag_clear_explicit(&lock, memory_order_release);
}

static __attribute__((constructor)) void prepare(void) {
    uint8_t *start = mmap(NULL, AREA_BYTES * CLASSES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
    if (start == MAP_FAILED) abort();
    for (int i = 0; i < CLASSES; i++) areas[i].start = start + AREA_BYTES * (uint64_t)i;
    pthread_atfork(acquire, release, release);
}

/* ---- Blocks ---- */

static int class_of(size_t size) {
    int class = 0;
    while (class < CLASSES && ((size_t)1 << (class + SMALLEST)) < size) class++;
    return class;
}

static size_t block_bytes(int class) {
    return (size_t)1 << (class + SMALLEST);
}

static int64_t take_block(area *from, size_t bytes) {
    if (from->free_count > 0) return from->free_blocks[--from->free_count];
    bool full = from->used == BLOCKS_MAX || (from->used + 1) * bytes > AREA_BYTES;
    return full ? -1 : (int64_t)from->used++;
}

static void *allocate(size_t size) {
    int class = class_of(size);
    if (class == CLASSES) return NULL;
    area *from = &areas[class];
    acquire();
    int64_t number = take_block(from, block_bytes(class));
    if (number >= 0) from->in_use[number] = true;
    release();
    if (number < 0) return NULL;
    atomic_fetch_add(&bytes_in_use, block_bytes(class));
    atomic_fetch_add(&blocks_in_use, 1);
    return from->start + (size_t)number * block_bytes(class);
}

/* Return the block that begins at the address; false: none does. */
static bool find(const void *address, int *class, uint32_t *number) {
    uint64_t offset = (uint64_t)((uintptr_t)address - (uintptr_t)areas[0].start);
    *class = (int)(offset / AREA_BYTES);
    if (offset / AREA_BYTES >= CLASSES || offset % block_bytes(*class) != 0) return false;
    uint64_t index = offset % AREA_BYTES / block_bytes(*class);
    *number = (uint32_t)index;
    return index < BLOCKS_MAX;
}

size_t malloc_size(const void *address) {
    int class;
    uint32_t number;
    return find(address, &class, &number) && areas[class].in_use[number] ? block_bytes(class) : 0;
}

static void give_back(void *block) {
    int class;
    uint32_t number;
    if (!find(block, &class, &number) || !areas[class].in_use[number]) abort();
    atomic_fetch_sub(&bytes_in_use, block_bytes(class));
    atomic_fetch_sub(&blocks_in_use, 1);
    acquire();
    areas[class].in_use[number] = false;
    areas[class].free_blocks[areas[class].free_count++] = number;
    release();
}

/* ---- The family ---- */

static void *refuse(void) {
    errno = ENOMEM;
    return NULL;
}

static void report(uint32_t type, uintptr_t second, uintptr_t third, void *result) {
    logger *now = *(logger *volatile *)&malloc_logger;
    if (now) now(type | HAS_ZONE, (uintptr_t)&the_zone, second, third, (uintptr_t)result, 0);
}

void *malloc(size_t size) {
    void *block = allocate(size);
    report(ALLOCATES, size, 0, block);
    return block ? block : refuse();
}

void *calloc(size_t count, size_t size) {
    if (size != 0 && count > SIZE_MAX / size) return refuse();
    void *block = allocate(count * size);
    if (block) memset(block, 0, count * size);
    report(ALLOCATES | CLEARS, count * size, 0, block);
    return block ? block : refuse();
}

void free(void *block) {
    if (!block) return;
    report(FREES, (uintptr_t)block, 0, NULL);
    give_back(block);
}

static void *move(void *old, size_t size) {
    size_t room = malloc_size(old);
    if (room == 0) abort();
    if (size <= room && size > room / 2) return old;
    void *block = allocate(size);
    if (!block) return NULL;
    memcpy(block, old, size < room ? size : room);
    give_back(old);
    return block;
}

/* For size 0: a new block of the least size, and the old one is freed. */
void *realloc(void *old, size_t size) {
    if (!old || size == 0) {
        void *block = malloc(size);
        if (block) free(old);
        return block;
    }
    void *block = move(old, size);
    report(ALLOCATES | FREES, (uintptr_t)old, size, block);
    return block ? block : refuse();
}

/* Blocks are aligned to their own size. */
int posix_memalign(void **block, size_t alignment, size_t size) {
    void *found = allocate(size > alignment ? size : alignment);
    report(ALLOCATES, size, 0, found);
    if (found) *block = found;
    return found ? 0 : ENOMEM;
}

void *valloc(size_t size) {
    void *block = allocate(size > 4096 ? size : 4096);
    report(ALLOCATES, size, 0, block);
    return block ? block : refuse();
}

char *strdup(const char *text) {
    size_t bytes = strlen(text) + 1;
    char *copy = malloc(bytes);
    return copy ? memcpy(copy, text, bytes) : NULL;
}

/* ---- Zones ---- */

malloc_zone_t *malloc_default_zone(void) {
    return &the_zone;
}

malloc_zone_t *malloc_zone_from_ptr(const void *address) {
    return malloc_size(address) ? &the_zone : NULL;
}

const char *malloc_get_zone_name(malloc_zone_t *zone) {
    (void)zone;
    return "model";
}

void malloc_zone_statistics(malloc_zone_t *zone, malloc_statistics_t *sums) {
    (void)zone;
    *sums = (malloc_statistics_t){.blocks_in_use = (unsigned)blocks_in_use, .size_in_use = bytes_in_use};
    for (int i = 0; i < CLASSES; i++) sums->size_allocated += areas[i].used * block_bytes(i);
}

size_t malloc_zone_pressure_relief(malloc_zone_t *zone, size_t goal) {
    (void)zone, (void)goal;
    return 0;
}
