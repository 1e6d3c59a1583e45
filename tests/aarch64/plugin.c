/* A library that is loaded later and allocates. */
#include <stdlib.h>

void *plugin_allocate(size_t size);

void *plugin_allocate(size_t size) {
    void *block = malloc(size);
    __asm__ volatile("" : "+r"(block)); /* prevents a tail call */
    return block;
}
