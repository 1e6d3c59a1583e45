/* library.c: a library to be loaded and unloaded. MARK tells one build of it from another of the same layout. */
#include <stddef.h>

typedef void *allocate(size_t size);

/* Its caller's caller is on the stack, and so is this. */
__attribute__((noinline)) void *specimen_allocate(allocate *allocate, size_t size) {
    void *block = allocate(size);
    __asm__ volatile("" ::: "memory"); /* and not a jump */
    return block;
}

const char specimen_mark[] = MARK;
