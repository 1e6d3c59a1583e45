#include "grow_mapping.h"

#include <sys/mman.h>

char *sp_grow_mapping(char *before, size_t bytes_before, size_t bytes) {
    void *grown = mremap(before, bytes_before, bytes, MREMAP_MAYMOVE);
    return grown == MAP_FAILED ? NULL : grown;
}
