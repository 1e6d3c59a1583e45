/* other_allocator.c: an allocator to preload after our library. It returns libc's blocks, counts its calls, and calls
 * the test before it releases an address.
 */
#include <stddef.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *address);

unsigned long other_allocator_allocations, other_allocator_frees;
void (*other_allocator_before_letting_go)(void *address);

static void let_go(void *address) {
    if (other_allocator_before_letting_go && address) other_allocator_before_letting_go(address);
}

void *malloc(size_t size) {
    __atomic_fetch_add(&other_allocator_allocations, 1, __ATOMIC_RELAXED);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    __atomic_fetch_add(&other_allocator_allocations, 1, __ATOMIC_RELAXED);
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size) {
    __atomic_fetch_add(&other_allocator_allocations, 1, __ATOMIC_RELAXED);
    let_go(old);
    return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size) {
    __atomic_fetch_add(&other_allocator_allocations, 1, __ATOMIC_RELAXED);
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    return memalign(alignment, size);
}

void free(void *address) {
    __atomic_fetch_add(&other_allocator_frees, 1, __ATOMIC_RELAXED);
    let_go(address);
    __libc_free(address);
}
