/* many_live.c: the cost of a free with many live samples.
 *
 * usage: many_live LIVE   with the library preloaded
 *
 * About LIVE samples remain, which are a random choice among blocks of many sizes: blocks at equal distances would use
 * the filter's counters in a regular pattern. Then each line on standard input, a number of rounds, is answered with
 * the nanoseconds of one malloc and of one free. A round allocates and frees 4096 blocks of 64 bytes, none of which is
 * sampled.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int spprof_start(uint32_t rate, const uint64_t *seed) __attribute__((weak));
int spprof_stop(void) __attribute__((weak));

#define RATE 512
#define BLOCKS_A_SAMPLE 8.58 /* the mean of 1 / (1 - exp(-size / RATE)) for sizes 1 to 127 */
#define BLOCKS 4096
static void *blocks[BLOCKS];

static double now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

__attribute__((noinline)) void make_blocks(void) {
    for (int i = 0; i < BLOCKS; i++) blocks[i] = malloc(64);
}

__attribute__((noinline)) void free_blocks(void) {
    for (int i = 0; i < BLOCKS; i++) free(blocks[i]);
}

int main(int argc, char **argv) {
    const uint64_t seed = 1;
    uint64_t state = 1;
    if (argc < 2 || !spprof_start || spprof_start(RATE, &seed) != 0) return 1;
    for (double left = atof(argv[1]) * BLOCKS_A_SAMPLE; left > 0; left--) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
        if (!malloc(1 + (state >> 33) % 127)) return 1;
    }
    spprof_stop();
    long rounds;
    while (scanf("%ld", &rounds) == 1) {
        double making = 0, freeing = 0;
        for (long round = 0; round < rounds; round++) {
            double begin = now_ns();
            make_blocks();
            double between = now_ns();
            free_blocks();
            making += between - begin;
            freeing += now_ns() - between;
        }
        printf("%.3f %.3f\n", making / (double)(rounds * BLOCKS), freeing / (double)(rounds * BLOCKS));
        fflush(stdout);
    }
    return 0;
}
