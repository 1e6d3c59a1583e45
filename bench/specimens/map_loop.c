/* map_loop.c: a library that makes pairs of mmap and munmap, and mappings that stay. Returns the thread's nanoseconds
 * per pair.
 */
#define _GNU_SOURCE
#include <stddef.h>
#include <sys/mman.h>
#include <time.h>

static double now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void *map(size_t size) {
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

double map_pairs(long count, size_t size) {
    double begin = now_ns();
    for (long i = 0; i < count; i++) munmap(map(size), size);
    return (now_ns() - begin) / (double)count;
}

/* Uses every second page, so that each remains a separate mapping. */
int map_many(long count, size_t size) {
    for (long i = 0; i < count; i++) {
        char *mapped = map(2 * size);
        if (mapped == MAP_FAILED || munmap(mapped + size, size) != 0) return -1;
    }
    return 0;
}
