/* signals.c: handlers that allocate and free at any time, on threads that do the same; uses ring_allocator.c.
 *
 *   usage: signals COUNT
 *
 *   four threads allocate until each has been interrupted COUNT times ◄── a fifth sends signals continuously
 */
#include "engine.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#define WORKERS 4
#define SLOTS 16
#define SIZE_MIN 1000 /* only the workers' and handlers' blocks are this large */
#define SIZE_END 1100

static __thread void *_Atomic slots[SLOTS];
static __thread volatile uint64_t handled, turn;
static atomic_ulong all_handled;
static atomic_int at_work;
static pthread_t workers[WORKERS];
static unsigned long wanted;

static size_t size_of(uint64_t word) {
    return SIZE_MIN + word % (SIZE_END - SIZE_MIN);
}

/* Uses each slot in turn, so each block is freed after SLOTS more have been allocated, long before its thread's ring
 * wraps around. */
static void exchange(uint64_t word) {
    void *block = malloc(size_of(word));
    CHECK(block);
    memset(block, (int)word, SIZE_MIN);
    free(atomic_exchange(&slots[turn++ % SLOTS], block));
}

static void handle(int signal) {
    (void)signal;
    int saved = errno;
    uint64_t state = handled++;
    uint64_t word = next_random(&state);
    exchange(word);
    void *moved = realloc(malloc(size_of(word >> 20)), size_of(word >> 30));
    free(moved);
    errno = saved;
}

static void *work(void *argument) {
    uint64_t state = (uintptr_t)argument;
    while (handled < wanted) {
        uint64_t word = next_random(&state);
        exchange(word);
        errno = 77;
        void *block = calloc(1, size_of(word >> 20));
        block = realloc(block, size_of(word >> 30));
        CHECK(block && errno == 77);
        free(block);
    }
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    for (int i = 0; i < SLOTS; i++) free(atomic_exchange(&slots[i], NULL));
    atomic_fetch_add(&all_handled, handled);
    atomic_fetch_sub(&at_work, 1);
    return NULL;
}

/* Sends signals until every worker has finished. The workers are joined only afterwards, so signals always have a
 * valid target. */
static void *send(void *unused) {
    (void)unused;
    for (unsigned turn = 0; at_work > 0; turn++) pthread_kill(workers[turn % WORKERS], SIGUSR1);
    return NULL;
}

/* Checks that the only blocks still listed are those for whose frees there was no room in the list of pending frees.
 * A free by another thread that was still pending when the address was reused counts as missed. */
static void check_nothing_left(void) {
    static spprof_sample live[100000];
    free(malloc(10));
    spprof_stats stats = engine_stats();
    size_t count = ENGINE(copy_live)(live, 100000), left = 0;
    CHECK(count <= 100000);
    for (size_t i = 0; i < count; i++) left += live[i].size >= SIZE_MIN && live[i].size < SIZE_END;
    uint64_t dropped = stats.dropped[SPPROF_DROP_PENDING_FREES_FULL];
    printf("%lu signals, %lu samples, %lu pending frees dropped, %lu missed frees, %lu left\n",
           (unsigned long)all_handled, (unsigned long)stats.total_samples, (unsigned long)dropped,
           (unsigned long)stats.missed_frees, (unsigned long)left);
    CHECK(left <= dropped && stats.missed_frees <= all_handled / 100);
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    wanted = strtoul(argv[1], NULL, 10);
    bool there = engine_begin();
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    at_work = WORKERS;
    for (int i = 0; i < WORKERS; i++) CHECK(pthread_create(&workers[i], NULL, work, (void *)(uintptr_t)(i + 1)) == 0);
    pthread_t sender;
    CHECK(pthread_create(&sender, NULL, send, NULL) == 0);
    CHECK(pthread_join(sender, NULL) == 0);
    for (int i = 0; i < WORKERS; i++) CHECK(pthread_join(workers[i], NULL) == 0);
    CHECK(all_handled >= WORKERS * wanted);
    if (there) check_nothing_left();
    return 0;
}
