#include "support.h"

#include "filter.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT_SECONDS 300
#define THREADS_MAX 64

/* ---- Tests in children ---- */

static int wait_for(pid_t child) {
    int status;
    while (waitpid(child, &status, 0) < 0) CHECK(errno == EINTR);
    return status;
}

/* The child's output goes to stderr: stdout carries the outer results. */
void run_alone(const char *name, CMUnitTestFunction test) {
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(STDERR_FILENO, STDOUT_FILENO);
        alarm(LIMIT_SECONDS);
        const struct CMUnitTest tests[] = {{.name = name, .test_func = test}};
        int failed = cmocka_run_group_tests(tests, NULL, NULL);
        fflush(NULL);
        _exit(failed ? EXIT_FAILURE : EXIT_SUCCESS);
    }
    assert_int_equal(wait_for(child), 0);
}

void run_in_child(void (*body)(void *argument), void *argument) {
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(LIMIT_SECONDS);
        body(argument);
        _exit(EXIT_SUCCESS);
    }
    CHECK(wait_for(child) == 0);
}

void check_failed(const char *condition, const char *file, int line) {
    char message[512];
    int length = snprintf(message, sizeof message, "%s:%d: check failed: %s\n", file, line, condition);
    ssize_t written = write(STDERR_FILENO, message, (size_t)length);
    (void)written;
    _exit(EXIT_FAILURE);
}

/* ---- Threads ---- */

typedef struct thread_start {
    thread_body *body;
    void *argument;
    unsigned index;
    _Atomic(unsigned) *awaited; /* relaxed: it only lets them begin together */
} thread_start;

static void *run_thread(void *argument) {
    thread_start *start = argument;
    atomic_fetch_sub_explicit(start->awaited, 1, memory_order_relaxed);
    while (atomic_load_explicit(start->awaited, memory_order_relaxed) != 0) sched_yield();
    start->body(start->index, start->argument);
    return NULL;
}

void run_threads(unsigned count, thread_body *body, void *argument) {
    pthread_t threads[THREADS_MAX];
    thread_start starts[THREADS_MAX];
    _Atomic(unsigned) awaited = count;
    CHECK(count <= THREADS_MAX);
    for (unsigned i = 0; i < count; i++) {
        starts[i] = (thread_start){.body = body, .argument = argument, .index = i, .awaited = &awaited};
        CHECK(pthread_create(&threads[i], NULL, run_thread, &starts[i]) == 0);
    }
    for (unsigned i = 0; i < count; i++) CHECK(pthread_join(threads[i], NULL) == 0);
}

/* ---- Chance ---- */

uint64_t next_random(uint64_t *state) {
    uint64_t word = *state += UINT64_C(0x9E3779B97F4A7C15);
    word = (word ^ word >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    word = (word ^ word >> 27) * UINT64_C(0x94D049BB133111EB);
    return word ^ word >> 31;
}

uint64_t random_below(uint64_t *state, uint64_t below) {
    return next_random(state) % below;
}

/* ---- Addresses ---- */

#define GOLDEN UINT64_C(0x9E3779B97F4A7C15)

/* Invert by Newton's method: each step doubles the number of correct bits. */
static uint64_t inverse_of(uint64_t odd) {
    uint64_t inverse = odd;
    for (int i = 0; i < 6; i++) inverse *= 2 - odd * inverse;
    return inverse;
}

/* Hashing drops the low four bits of an address and multiplies, so 1 hash in 16 belongs to an address. The address's
 * shard must be the shard of the filter's slot, which holds for 1 address in 64. Each n has its own range of 65536
 * to search. */
uintptr_t address_with_hash(uint64_t top, unsigned bits, uint64_t n) {
    uint64_t inverse = inverse_of(GOLDEN);
    unsigned shard_bits = bits < SP_SHARD_BITS ? bits : SP_SHARD_BITS, home_bits = bits - shard_bits;
    uint64_t shard = top >> home_bits, home = top & ((UINT64_C(1) << home_bits) - 1);
    for (uint64_t rest = n << 16;; rest++) {
        uint64_t spread = rest * UINT64_C(0xD1342543DE82EF95) >> home_bits; /* so that the following bits differ */
        uint64_t shifted = ((home_bits ? home << (64 - home_bits) : 0) | spread) * inverse;
        if (shifted >> 60 != 0 || shifted == 0) continue;
        if (sp_filter_shard(shifted << 4) >> (SP_SHARD_BITS - shard_bits) == shard) return shifted << 4;
    }
}
