/* ring_allocator.c: a malloc that any signal handler may call at any time, so that a handler can interrupt the engine
 * anywhere (libc's malloc would deadlock, with or without the engine).
 *
 *   a thread's ring: [ size | block | size | block … ]  one atomic add per block, cyclically
 *
 * A block is reused once its thread has gone round the ring, so callers must free it earlier.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define RING ((uint64_t)512 << 10) /* small, so that an address is reused while other threads still refer to it */
#define RINGS 64
#define HEADER 16

static unsigned char rings[RINGS][RING] __attribute__((aligned(64)));
static uint64_t taken = 1; /* the first ring is the main thread's, from its first call on */
static __thread uint64_t mine __attribute__((tls_model("initial-exec"))); /* 0: none yet */
static __thread uint64_t used __attribute__((tls_model("initial-exec")));

/* A handler that interrupts this function takes a ring that is then never used again. */
static unsigned char *ring(void) {
    if (mine == 0) mine = __atomic_fetch_add(&taken, 1, __ATOMIC_RELAXED);
    if (mine >= RINGS) abort();
    return rings[mine];
}

static void *take(size_t alignment, size_t size) {
    uint64_t bytes = (HEADER + alignment + size + 15) & ~(uint64_t)15, at;
    if (size > RING / 4) return NULL;
    unsigned char *base = ring();
    do {
        at = __atomic_fetch_add(&used, bytes, __ATOMIC_RELAXED);
    } while (at % RING + bytes > RING);
    uintptr_t block = ((uintptr_t)base + at % RING + HEADER + alignment - 1) & ~(uintptr_t)(alignment - 1);
    *(size_t *)(block - HEADER) = size;
    return (void *)block;
}

void *malloc(size_t size) {
    return take(16, size);
}

void *calloc(size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) return NULL;
    void *block = take(16, bytes);
    return block ? memset(block, 0, bytes) : NULL;
}

void free(void *block) {
    (void)block;
}

void *realloc(void *old, size_t size) {
    void *block = take(16, size);
    if (!old || !block) return block;
    size_t had = *(size_t *)((uintptr_t)old - HEADER);
    return memcpy(block, old, had < size ? had : size);
}

void *memalign(size_t alignment, size_t size) {
    return take(alignment < 16 ? 16 : alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    return memalign(alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size) {
    *result = memalign(alignment, size);
    return *result ? 0 : 12;
}

void *valloc(size_t size) {
    return memalign(4096, size);
}

void *pvalloc(size_t size) {
    return memalign(4096, (size + 4095) & ~(size_t)4095);
}

size_t malloc_usable_size(void *block) {
    return block ? *(size_t *)((uintptr_t)block - HEADER) : 0;
}
