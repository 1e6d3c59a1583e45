/* loops.c: malloc and free from C, on one thread or several, paced or not.
 *
 * Sizes are uniform over 1 ... 2 * mean, so the branches of a profiler's fast path cannot be predicted from the
 * previous call. At any time, `live` blocks exist; each new block replaces the oldest.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

enum { MOST_THREADS = 64, BURSTS_A_SECOND = 1000, NS_A_SECOND = 1000000000 };

struct ring {
    void **blocks;
    long live, made, mean;
    uint64_t random;
};

static void open_ring(struct ring *ring, long mean, long live, uint64_t seed) {
    *ring = (struct ring){calloc((size_t)live, sizeof(void *)), live, 0, mean, seed * 0x9e3779b97f4a7c15u};
}

static void pairs(struct ring *ring, long count) {
    for (long i = 0; i < count; i++) {
        ring->random ^= ring->random << 13;
        ring->random ^= ring->random >> 7;
        ring->random ^= ring->random << 17;
        void **place = ring->blocks + ring->made++ % ring->live;
        free(*place);
        char *block = malloc(1 + (size_t)(ring->random % (2 * (uint64_t)ring->mean)));
        block[0] = 1;
        *place = block;
    }
}

static void close_ring(struct ring *ring) {
    for (long i = 0; i < ring->live; i++) free(ring->blocks[i]);
    free(ring->blocks);
}

struct job {
    long count, mean, live;
    uint64_t seed;
};

static void *run(void *argument) {
    struct job *job = argument;
    struct ring ring;
    open_ring(&ring, job->mean, job->live, job->seed);
    pairs(&ring, job->count);
    close_ring(&ring);
    return NULL;
}

/* Runs `count` pairs on each thread. If there is only one thread, it is the caller's. */
void malloc_loop(long threads, long count, long mean, long live) {
    struct job jobs[MOST_THREADS];
    pthread_t ids[MOST_THREADS];
    for (long i = 0; i < threads; i++) jobs[i] = (struct job){count, mean, live, (uint64_t)i + 1};
    for (long i = 1; i < threads; i++) {
        if (pthread_create(&ids[i], NULL, run, &jobs[i])) abort();
    }
    run(&jobs[0]);
    for (long i = 1; i < threads; i++) pthread_join(ids[i], NULL);
}

/* Runs `per_second` pairs a second for this many milliseconds, in one burst each millisecond, as a service
 * allocates. */
void paced_loop(long milliseconds, long per_second, long mean, long live) {
    struct timespec next;
    struct ring ring;
    open_ring(&ring, mean, live, 1);
    clock_gettime(CLOCK_MONOTONIC, &next);
    for (long burst = 0; burst < milliseconds; burst++) {
        pairs(&ring, per_second / BURSTS_A_SECOND);
        next.tv_nsec += NS_A_SECOND / BURSTS_A_SECOND;
        if (next.tv_nsec >= NS_A_SECOND) {
            next.tv_nsec -= NS_A_SECOND;
            next.tv_sec++;
        }
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    }
    close_ring(&ring);
}

void *allocate(size_t size) {
    return malloc(size);
}
