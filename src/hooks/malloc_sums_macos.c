/* malloc_sums_macos.c: what macOS's malloc says about itself. Its chunks have no headers that could be read. */
#include "spprof.h"

#include <errno.h>
#include <malloc/malloc.h>

bool spprof_malloc_is_glibc(void) {
    return false;
}

void spprof_measure_malloc(const spprof_malloc_place *places, size_t count, spprof_malloc_sums *sums) {
    (void)places, (void)count;
    *sums = (spprof_malloc_sums){.heaps = 0};
}

/* A block is a whole number of the zone's quanta. */
void spprof_chunk_sizes(const uint64_t *addresses, size_t count, uint64_t *chunks) {
    int saved_errno = errno;
    for (size_t i = 0; i < count; i++) chunks[i] = malloc_size((const void *)(uintptr_t)addresses[i]);
    errno = saved_errno;
}

/* A zone that another allocator registers may have no numbers. */
bool spprof_ask_malloc(spprof_malloc_said *said) {
    int saved_errno = errno;
    malloc_statistics_t sums = {0};
    malloc_zone_statistics(NULL, &sums);
    errno = saved_errno;
    *said = (spprof_malloc_said){.kind = SPPROF_MALLOC_UNKNOWN};
    if (sums.size_in_use == 0) return false;
    said->kind = SPPROF_MALLOC_LIBMALLOC;
    said->used = sums.size_in_use;
    said->free_bytes = sums.size_allocated > sums.size_in_use ? sums.size_allocated - sums.size_in_use : 0;
    return true;
}

void spprof_trim_malloc(void) {
    int saved_errno = errno;
    malloc_zone_pressure_relief(NULL, 0); /* all zones, as much as they can */
    errno = saved_errno;
}
