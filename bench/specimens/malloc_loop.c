/* malloc_loop.c: runs malloc and free of 64 bytes N times. Prints nanoseconds per pair.
 *
 * usage: malloc_loop N [rate]   with a rate: starts the preloaded engine first
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int spprof_start(uint32_t rate, const uint64_t *seed) __attribute__((weak));

static double now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

int main(int argc, char **argv) {
    long count = argc > 1 ? atol(argv[1]) : 1000000;
    if (argc > 2 && (!spprof_start || spprof_start((uint32_t)atol(argv[2]), NULL) != 0)) return 1;
    void *volatile block = malloc(64); /* the first countdown is drawn outside the loop */
    free(block);
    double begin = now_ns();
    for (long i = 0; i < count; i++) {
        block = malloc(64);
        free(block);
    }
    printf("%.3f\n", (now_ns() - begin) / (double)count);
    return 0;
}
