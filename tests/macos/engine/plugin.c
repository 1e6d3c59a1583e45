/* plugin.c: a library that is loaded and unloaded; each of two has a function of another name at the same place. */
#include <stdlib.h>

__attribute__((noinline)) void *NAME(size_t size) {
    void *block = malloc(size);
    __asm__ volatile("" : "+r"(block));
    return block;
}
