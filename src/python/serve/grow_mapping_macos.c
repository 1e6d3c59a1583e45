#include "grow_mapping.h"

#include <string.h>
#include <sys/mman.h>

char *sp_grow_mapping(char *before, size_t bytes_before, size_t bytes) {
    void *grown = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (grown == MAP_FAILED) return NULL;
    memcpy(grown, before, bytes_before);
    munmap(before, bytes_before);
    return grown;
}
