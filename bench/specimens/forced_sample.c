/* forced_sample.c: a malloc and free of 64 bytes that is sampled at any rate. For ctypes, with the engine running. */
#include "spprof.h"

#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

static double now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* If nothing is left above the gate, the next allocation is sampled. */
static void force_sample(void) {
    spprof_this_thread.countdown = spprof_the_gate.threshold;
}

/* Runs `repeats` pairs back to back, and returns the mean nanoseconds per pair. */
double pair_nanoseconds(bool sampled, long repeats) {
    void *volatile block;
    double begin = now_ns(); /* after this call, its code and data are cached */
    begin = now_ns();
    for (long i = 0; i < repeats; i++) {
        if (sampled) force_sample();
        block = malloc(64);
        free(block);
    }
    return (now_ns() - begin) / (double)repeats;
}

/* Returns the number of frames in the sample, native ones and those of the interpreter. */
size_t pair_frames(void) {
    spprof_stats stats;
    spprof_stack stack = {.count = 0};
    force_sample();
    void *volatile block = malloc(64);
    free(block);
    spprof_get_stats(&stats);
    return spprof_stack_get(stats.stacks, &stack) ? stack.count : 0;
}
