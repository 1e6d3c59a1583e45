/* semantics.c: makes random calls of the whole malloc family, and records everything that a program can observe in a
 * transcript.
 *
 *   usage: semantics SEED THREADS CALLS
 *
 *   each call -> (function, NULL or not, errno, aligned, zeroed, contents kept, usable size at least that) -> a hash
 *
 * Prints a line for each thread and function: calls, failures, hash. The engine must not change a single character of
 * it.
 */
#include "engine.h"

#include <malloc.h>
#include <pthread.h>

/* These are from C23; the engine exports them whether or not libc does. */
__attribute__((weak)) void free_sized(void *address, size_t size);
__attribute__((weak)) void free_aligned_sized(void *address, size_t alignment, size_t size);

#define SLOTS 128
#define THREADS_MAX 16
#define UNTOUCHED 123

typedef struct slot {
    unsigned char *address;
    size_t size, alignment; /* alignment 0: none requested */
    unsigned char fill;
} slot;

enum {
    MALLOC,
    CALLOC,
    REALLOC,
    REALLOCARRAY,
    POSIX_MEMALIGN,
    ALIGNED_ALLOC,
    MEMALIGN,
    VALLOC,
    PVALLOC,
    FREE,
    SIZED,
    NAMES
};
static const char *const names[NAMES] = {"malloc",         "calloc",        "realloc",   "reallocarray",
                                         "posix_memalign", "aligned_alloc", "memalign",  "valloc",
                                         "pvalloc",        "free",          "free_sized"};

typedef struct transcript {
    unsigned long calls, failed;
    uint64_t hash;
} transcript;

typedef struct worker {
    uint64_t chance;
    unsigned long calls;
    slot slots[SLOTS];
    transcript of[NAMES];
} worker;

static void note(worker *self, int name, uint64_t word) {
    transcript *entry = &self->of[name];
    entry->hash = (entry->hash ^ word) * UINT64_C(0x100000001B3) + 1;
}

/* ---- Requests ---- */

static size_t pick_size(uint64_t word) {
    static const size_t odd[] = {0, 0, 0, 0, 1, 7, 8, 15, 16, 17, 24, 25, 32, 33, 1024, 4095, 4096, 4097};
    static const size_t mapped[] = {131071, 131072, 131073, 200000}; /* libc maps each of these separately */
    static const size_t impossible[] = {PTRDIFF_MAX - 4096, (size_t)PTRDIFF_MAX, (size_t)PTRDIFF_MAX + 1, SIZE_MAX,
                                        SIZE_MAX - 15};
    if (word % 64 == 0) return impossible[(word >> 6) % 5];
    if (word % 64 < 8) return odd[(word >> 6) % 18];
    if (word % 512 == 8) return mapped[(word >> 9) % 4];
    return (word >> 6) % 700;
}

/* Picks two factors whose product sometimes overflows, sometimes to zero or to a small number. */
static void pick_product(uint64_t word, size_t *count, size_t *size) {
    static const size_t wide[] = {(size_t)1 << 32, (size_t)1 << 62, SIZE_MAX, SIZE_MAX / 2, ((size_t)1 << 63) + 1};
    if (word % 32 == 0) {
        *count = wide[(word >> 5) % 5];
        *size = wide[(word >> 9) % 5];
    } else if (word % 32 == 1) {
        *count = wide[1 + (word >> 5) % 4]; /* too large even for a large machine */
        *size = (word >> 9) % 3;
    } else {
        *count = (word >> 5) % 9;
        *size = (word >> 9) % 200;
    }
}

/* Picks an alignment. It may not be a power of two, which each function handles differently. */
static size_t pick_alignment(uint64_t word) {
    static const size_t wrong[] = {0, 1, 3, 24, 48};
    if (word % 16 == 0) return wrong[(word >> 4) % 5];
    return (size_t)8 << (word >> 4) % 10;
}

/* ---- Observations ---- */

static void fill(slot *place, uint64_t word) {
    place->fill = (unsigned char)word;
    memset(place->address, place->fill, place->size);
}

static bool holds(const slot *place, size_t bytes) {
    for (size_t i = 0; i < bytes; i++)
        if (place->address[i] != place->fill) return false;
    return true;
}

static bool is_zero(const unsigned char *address, size_t bytes) {
    for (size_t i = 0; i < bytes; i++)
        if (address[i] != 0) return false;
    return true;
}

static void observe(worker *self, int name, void *result, size_t size, size_t alignment, int code) {
    self->of[name].calls++;
    self->of[name].failed += result == NULL;
    note(self, name, (uint64_t)(result != NULL) << 32 | (uint64_t)code);
    if (!result) return;
    size_t expected = alignment > 16 && (alignment & (alignment - 1)) == 0 ? alignment : 16;
    note(self, name, (uintptr_t)result % expected == 0);
    note(self, name, malloc_usable_size(result) >= size);
}

static void keep(worker *self, slot *place, void *result, size_t size, size_t alignment, uint64_t word) {
    (void)self;
    *place = (slot){.address = result, .size = result ? size : 0, .alignment = alignment};
    if (result) fill(place, word);
}

/* ---- Calls ---- */

static void call_realloc(worker *self, slot *place, uint64_t word, bool product) {
    int name = product ? REALLOCARRAY : REALLOC;
    size_t count = 1, size = pick_size(word >> 8), bytes;
    if (product) pick_product(word >> 8, &count, &size);
    slot old = *place;
    errno = UNTOUCHED;
    unsigned char *result = product ? reallocarray(old.address, count, size) : realloc(old.address, size);
    int code = errno;
    bool overflow = __builtin_mul_overflow(count, size, &bytes);
    observe(self, name, result, bytes, 0, code);
    if (!result && !overflow && bytes == 0 && old.address) {
        *place = (slot){0}; /* realloc has freed it */
    } else if (result) {
        *place = (slot){.address = result, .size = old.size < bytes ? old.size : bytes, .fill = old.fill};
        note(self, name, holds(place, place->size));
        place->size = bytes;
        fill(place, word >> 40);
    } else if (old.address) {
        note(self, name, holds(place, place->size)); /* a failed call leaves the block unchanged */
    }
}

static void call_aligned(worker *self, slot *place, uint64_t word, int name) {
    size_t size = pick_size(word >> 8), alignment = pick_alignment(word >> 32);
    void *result = NULL;
    int code;
    if (name == POSIX_MEMALIGN) {
        result = &place; /* must stay unchanged if the call fails */
        errno = UNTOUCHED;
        int status = posix_memalign(&result, alignment, size);
        code = errno << 8 | status;
        if (status != 0) note(self, name, result == &place);
        if (status != 0) result = NULL;
    } else {
        errno = UNTOUCHED;
        result = name == ALIGNED_ALLOC ? aligned_alloc(alignment, size) : memalign(alignment, size);
        code = errno;
    }
    observe(self, name, result, size, alignment, code);
    keep(self, place, result, size, alignment, word >> 40);
}

static void call_page(worker *self, slot *place, uint64_t word, int name) {
    size_t size = pick_size(word >> 8);
    errno = UNTOUCHED;
    void *result = name == VALLOC ? valloc(size) : pvalloc(size);
    int code = errno;
    observe(self, name, result, size, 4096, code);
    if (result && name == PVALLOC) note(self, name, malloc_usable_size(result) >= (size + 4095) / 4096 * 4096);
    keep(self, place, result, size, 4096, word >> 40);
}

static void call_calloc(worker *self, slot *place, uint64_t word) {
    size_t count, size, bytes;
    pick_product(word >> 8, &count, &size);
    errno = UNTOUCHED;
    unsigned char *result = calloc(count, size);
    int code = errno;
    if (__builtin_mul_overflow(count, size, &bytes)) note(self, CALLOC, result == NULL);
    observe(self, CALLOC, result, bytes, 0, code);
    if (result) note(self, CALLOC, is_zero(result, bytes));
    keep(self, place, result, bytes, 0, word >> 40);
}

static void call_malloc(worker *self, slot *place, uint64_t word) {
    size_t size = pick_size(word >> 8);
    errno = UNTOUCHED;
    void *result = malloc(size);
    int code = errno;
    observe(self, MALLOC, result, size, 0, code);
    keep(self, place, result, size, 0, word >> 40);
}

static void call_free(worker *self, slot *place, uint64_t word) {
    int name = word & 1 ? SIZED : FREE;
    note(self, name, !place->address || holds(place, place->size));
    errno = UNTOUCHED;
    if (name == SIZED && place->alignment && free_aligned_sized)
        free_aligned_sized(place->address, place->alignment, place->size);
    else if (name == SIZED && !place->alignment && free_sized)
        free_sized(place->address, place->size);
    else
        free(place->address);
    int code = errno;
    self->of[name].calls++;
    note(self, name, (uint64_t)code);
    *place = (slot){0};
}

static void allocate(worker *self, slot *place, uint64_t word) {
    switch (word >> 4 & 7) {
    case 0:
    case 1:
        call_malloc(self, place, word);
        break;
    case 2:
        call_calloc(self, place, word);
        break;
    case 3:
        call_aligned(self, place, word, POSIX_MEMALIGN);
        break;
    case 4:
        call_aligned(self, place, word, ALIGNED_ALLOC);
        break;
    case 5:
        call_aligned(self, place, word, MEMALIGN);
        break;
    case 6:
        call_page(self, place, word, word >> 63 ? VALLOC : PVALLOC);
        break;
    default:
        call_realloc(self, place, word, word >> 63);
    }
}

static void step(worker *self) {
    uint64_t word = next_random(&self->chance);
    slot *place = &self->slots[(word >> 56) % SLOTS];
    if (!place->address && word % 16 != 0)
        allocate(self, place, word);
    else if (word % 4 == 1)
        call_realloc(self, place, word, word >> 63);
    else
        call_free(self, place, word);
}

static void *work(void *argument) {
    worker *self = argument;
    for (unsigned long call = 0; call < self->calls; call++) step(self);
    for (int i = 0; i < SLOTS; i++) call_free(self, &self->slots[i], 0);
    return NULL;
}

static void print(const worker *self, int number) {
    for (int name = 0; name < NAMES; name++) {
        const transcript *entry = &self->of[name];
        printf("thread %d %-15s %10lu calls %9lu failed %016lx\n", number, names[name], entry->calls, entry->failed,
               (unsigned long)entry->hash);
    }
}

int main(int argc, char **argv) {
    static worker workers[THREADS_MAX];
    pthread_t threads[THREADS_MAX];
    CHECK(argc == 4);
    int count = atoi(argv[2]);
    CHECK(count > 0 && count <= THREADS_MAX);
    bool there = engine_begin();
    for (int i = 0; i < count; i++) {
        workers[i].chance = strtoul(argv[1], NULL, 10) * THREADS_MAX + (unsigned)i;
        workers[i].calls = strtoul(argv[3], NULL, 10);
        CHECK(pthread_create(&threads[i], NULL, work, &workers[i]) == 0);
    }
    for (int i = 0; i < count; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    for (int i = 0; i < count; i++) print(&workers[i], i);
    if (there) {
        spprof_stats stats = engine_stats();
        fprintf(stderr, "%lu samples, %lu missed frees\n", (unsigned long)stats.total_samples,
                (unsigned long)stats.missed_frees);
    }
    return 0;
}
