/* big_heap.c: allocates many blocks of one size at once, which are touched only where malloc writes. For ctypes. */
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

bool allocate(void **blocks, size_t count, size_t size) {
    for (size_t i = 0; i < count; i++)
        if (!(blocks[i] = malloc(size))) return false;
    return true;
}

void release(void **blocks, size_t count) {
    for (size_t i = 0; i < count; i++) free(blocks[i]);
}
