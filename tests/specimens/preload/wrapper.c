/* wrapper.c: a library that counts calls of malloc's family on their way to the next definition, as heaptrack, libfiu
 * and many others do.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>

unsigned long wrapper_calls;

#define NEXT(name)                                                                                                     \
    static __typeof__(name) *next;                                                                                     \
    if (!next) next = (__typeof__(name) *)dlsym(RTLD_NEXT, #name);                                                     \
    __atomic_fetch_add(&wrapper_calls, 1, __ATOMIC_RELAXED)

void *malloc(size_t size) {
    NEXT(malloc);
    return next(size);
}

void *realloc(void *old, size_t size) {
    NEXT(realloc);
    return next(old, size);
}

void free(void *address) {
    NEXT(free);
    next(address);
}

int dlclose(void *handle) {
    NEXT(dlclose);
    return next(handle);
}
