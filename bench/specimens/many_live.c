/* many_live.c: what a free costs beside many live samples. Prints nanoseconds for each malloc and free of 64 bytes.
 *
 * usage: many_live LIVE ROUNDS      with the library preloaded
 *
 * LIVE blocks are sampled and stay; then ROUNDS times 4096 blocks spread over the heap are made and freed, none of them
 * sampled, so that frees meet all of the filter, not one lucky byte of it.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int spprof_start(uint32_t rate, const uint64_t *seed) __attribute__((weak));
int spprof_stop(void) __attribute__((weak));

#define BLOCKS 4096
static void *blocks[BLOCKS];

static double now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

int main(int argc, char **argv) {
    if (argc < 3 || !spprof_start) return 1;
    long live = atol(argv[1]), rounds = atol(argv[2]);
    if (spprof_start(0, NULL) != 0) return 1;
    for (long i = 0; i < live; i++)
        if (!malloc(64)) return 1;
    spprof_stop();
    double begin = now_ns();
    for (long round = 0; round < rounds; round++) {
        for (int i = 0; i < BLOCKS; i++) blocks[i] = malloc(64);
        for (int i = 0; i < BLOCKS; i++) free(blocks[i]);
    }
    printf("%.3f\n", (now_ns() - begin) / ((double)rounds * BLOCKS));
    return 0;
}
