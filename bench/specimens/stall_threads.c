/* stall_threads.c: a library with threads that allocate, map and touch memory. It measures the longest time that one of
 * their calls slept: its wall time minus the thread's CPU time in it and its wait for a core (schedstat). That is time
 * spent waiting for a lock.
 *
 *   0-3  malloc and free, 16 bytes to 100 KB, most of them small     4  malloc and free of 1 MiB, each a mapping
 *   5    mmap, 16 pages touched, munmap                              6  mprotect of a part of a mapping, and back
 *   7    pages released, and touched again
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define THREADS 8
#define KEPT 500
#define PAGE ((size_t)4096)
#define MIB ((size_t)1 << 20)

typedef struct thread {
    pthread_t id;
    int index;
    uint64_t seed;
    char *kept[KEPT], *mapped;
    _Atomic uint64_t slept_ns, took_ns, calls, long_sleeps; /* since the last take() */
} thread;

static thread threads[THREADS];
static atomic_bool over;

static uint64_t below(thread *of, uint64_t limit) {
    of->seed = of->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (of->seed >> 33) % limit;
}

static uint64_t now_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static uint64_t waited_ns(int schedstat) {
    char text[64] = "";
    ssize_t got = pread(schedstat, text, sizeof text - 1, 0);
    const char *second = got > 0 ? strchr(text, ' ') : NULL;
    return second ? strtoull(second, NULL, 10) : 0;
}

static void replace_block(thread *of) {
    size_t size = below(of, below(of, 50) ? 2000 : 100000) + 16;
    char **block = &of->kept[below(of, KEPT)];
    free(*block);
    *block = malloc(size);
    if (*block) memset(*block, 1, size);
}

static void call_once(thread *of) {
    char *block;
    switch (of->index) {
    case 4:
        block = malloc(MIB);
        if (block) block[below(of, MIB)] = 1;
        free(block);
        break;
    case 5:
        block = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (int i = 0; block != MAP_FAILED && i < 16; i++) block[i * PAGE] = 1;
        if (block != MAP_FAILED) munmap(block, 64 * PAGE);
        break;
    case 6:
        mprotect(of->mapped + 16 * PAGE, 16 * PAGE, PROT_READ);
        mprotect(of->mapped + 16 * PAGE, 16 * PAGE, PROT_READ | PROT_WRITE);
        break;
    case 7:
        madvise(of->mapped, 16 * PAGE, MADV_DONTNEED);
        for (int i = 0; i < 16; i++) of->mapped[i * PAGE] = 1;
        break;
    default:
        for (int i = 0; i < 10; i++) replace_block(of);
    }
}

static void note_highest(_Atomic uint64_t *highest, uint64_t value) {
    if (value > atomic_load(highest)) atomic_store(highest, value);
}

static void *work(void *argument) {
    thread *of = argument;
    int schedstat = open("/proc/thread-self/schedstat", O_RDONLY);
    while (!atomic_load(&over)) {
        uint64_t waited = waited_ns(schedstat), begin = now_ns(CLOCK_MONOTONIC), used = now_ns(CLOCK_THREAD_CPUTIME_ID);
        call_once(of);
        uint64_t spent = now_ns(CLOCK_THREAD_CPUTIME_ID) - used, took = now_ns(CLOCK_MONOTONIC) - begin;
        spent += waited_ns(schedstat) - waited;
        uint64_t slept = took > spent ? took - spent : 0;
        note_highest(&of->slept_ns, slept);
        note_highest(&of->took_ns, took);
        atomic_fetch_add(&of->calls, 1);
        if (slept > 10000000) atomic_fetch_add(&of->long_sleeps, 1);
    }
    close(schedstat);
    return NULL;
}

/* ---- Functions called from Python ---- */

int begin_threads(void) {
    for (int i = 0; i < THREADS; i++) {
        threads[i].index = i;
        threads[i].seed = (uint64_t)i + 1;
        threads[i].mapped = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (pthread_create(&threads[i].id, NULL, work, &threads[i]) != 0) return -1;
    }
    return 0;
}

/* Takes each thread's figures since the last call: longest sleep, longest call, calls, and sleeps longer than 10 ms. */
void take(uint64_t out[THREADS][4]) {
    for (int i = 0; i < THREADS; i++) {
        out[i][0] = atomic_exchange(&threads[i].slept_ns, 0);
        out[i][1] = atomic_exchange(&threads[i].took_ns, 0);
        out[i][2] = atomic_exchange(&threads[i].calls, 0);
        out[i][3] = atomic_exchange(&threads[i].long_sleeps, 0);
    }
}

void end_threads(void) {
    atomic_store(&over, true);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i].id, NULL);
}

/* Allocates blocks of `size` bytes, `bytes` in total, and writes to them. Frees one in `free_one_in` again (0:
 * none). */
int fill(size_t bytes, size_t size, size_t free_one_in) {
    size_t count = bytes / size;
    char **blocks = malloc(count * sizeof *blocks);
    if (!blocks) return -1;
    for (size_t i = 0; i < count; i++) {
        blocks[i] = malloc(size);
        if (!blocks[i]) return -1;
        memset(blocks[i], 1, size);
    }
    for (size_t i = 0; free_one_in && i < count; i += free_one_in) free(blocks[i]);
    return 0;
}
