/* library.c: a library to load and unload. MARK distinguishes builds that have the same layout. */
#include <stddef.h>

typedef void *allocate(size_t size);

/* Returns a stack of this function's caller, its caller's caller, and this function. */
__attribute__((noinline)) void *specimen_allocate(allocate *allocate, size_t size) {
    void *block = allocate(size);
    __asm__ volatile("" ::: "memory"); /* prevents a tail call */
    return block;
}

const char specimen_mark[] = MARK;
