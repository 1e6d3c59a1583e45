/* small_library.c: the smallest library that calls malloc, realloc and free through slots. */
#include <stdlib.h>

void *grow(void *block, size_t size) {
    return block ? realloc(block, size) : malloc(size);
}

void give_back(void *block) {
    free(block);
}
