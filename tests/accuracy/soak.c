/* soak.c: a recursive parser that, from the engine's point of view, has been running for days: nearly every sample has
 * a new stack.
 *
 *   soak [KEY=VALUE...]
 *
 *   stacks=N    new stacks, over all steps
 *   steps=N     after each step all sums are checked (ledger.h) and a row is printed
 *   threads=N   threads that share the work
 *   rate=N      mean bytes between samples
 *   seed=N
 *   medium=N    turns after which a medium-lived block is freed
 *   leak=N      bytes that one line allocates in the first step and never frees
 *   line=N      bytes that a new line allocates after all steps
 *
 * A turn of the parser has its own call chain, on which it allocates ten small blocks. One of them lives for `medium`
 * turns, or, in one of `LEAKY` turns of the first step, until the program ends. The others are freed when the turn
 * ends. Old lines allocate in between.
 *
 * A row per step, and one more after the final line; integers, estimates in the engine's fixed point:
 *   new stacks, stacks in the table, its maximum, evicted, folded samples, folded bytes, samples and live samples under
 *   <stacks table full>, bytes mapped by the engine, resident bytes of the process, total samples, live samples; then
 *   for the heap and for the final line: true bytes, estimated bytes, seen bytes, samples, variance, skewness
 */
#include "ledger.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS_MAX 16
#define BLOCKS 10 /* per turn */
#define MEDIUM_MAX 65536
#define LEAKY 64
#define LEAK_BLOCK 4000
#define OLD_LINES 64
#define LINE_BLOCK 10000
#define LEAK_LINE ledger_line(1000)
#define LAST_LINE ledger_line(1001)

typedef struct worker {
    pthread_t thread;
    ledger books;
    uint64_t place, turn, new_stacks, wanted; /* wanted: new stacks wanted by the end of this step */
    bool leaks;
    block medium[MEDIUM_MAX];
} worker;

static uint64_t threads, medium;

/* ---- A turn ---- */

static uint64_t size_of(uint64_t number) {
    static const uint64_t sizes[] = {24, 900, 64, 400, 1500, 120, 48, 900, 250, 3000, 32};
    return sizes[number % (sizeof sizes / sizeof *sizes)];
}

static void meet_old_line(worker *self) {
    ledger_enter(ledger_line(self->turn % OLD_LINES));
    block block = ledger_allocate(&self->books, 500);
    ledger_free(&self->books, &block);
}

static void keep(worker *self, block *block) {
    struct block *place = &self->medium[self->turn % medium];
    if (self->leaks && self->turn % LEAKY == 0) return;
    ledger_free(&self->books, place);
    *place = *block;
}

static void take_turn(worker *self) {
    block blocks[BLOCKS];
    bool sampled = false;
    ledger_enter(ledger_parser_chain(self->turn * threads + self->place));
    for (uint64_t i = 0; i < BLOCKS; i++) {
        blocks[i] = ledger_allocate(&self->books, size_of(self->turn * BLOCKS + i));
        sampled |= blocks[i].sampled;
    }
    for (uint64_t i = 1; i < BLOCKS; i++) ledger_free(&self->books, &blocks[i]);
    keep(self, &blocks[0]);
    meet_old_line(self);
    self->new_stacks += sampled;
    self->turn++;
}

/* ---- Steps ---- */

static void *work(void *argument) {
    worker *self = argument;
    while (self->new_stacks < self->wanted) take_turn(self);
    return NULL;
}

static void take_step(worker *workers, uint64_t new_stacks, bool leaks) {
    for (uint64_t i = 0; i < threads; i++) {
        workers[i].wanted = workers[i].new_stacks + new_stacks / threads;
        workers[i].leaks = leaks;
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) ledger_fail("cannot create a thread");
    }
    for (uint64_t i = 0; i < threads; i++) pthread_join(workers[i].thread, NULL);
}

static void leak_at(ledger *books, uint64_t line, uint64_t bytes, uint64_t block_bytes) {
    ledger_enter(line);
    for (uint64_t done = 0; done < bytes; done += block_bytes) ledger_allocate(books, block_bytes);
}

/* ---- Rows ---- */

static uint64_t resident_bytes(void) {
    FILE *file = fopen("/proc/self/statm", "r");
    uint64_t pages;
    if (!file || fscanf(file, "%*u %" SCNu64, &pages) != 1) ledger_fail("cannot read /proc/self/statm");
    fclose(file);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void print_estimate(uint64_t truth, const estimate *found) {
    printf(" %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %.17g %.17g", truth, found->bytes, found->seen,
           found->samples, found->variance, found->skewness);
}

static void print_row(const worker *workers, const ledger *leaks, uint64_t true_line_bytes) {
    ledger books = *leaks;
    uint64_t new_stacks = 0;
    reading found;
    for (uint64_t i = 0; i < threads; i++) {
        ledger_add(&books, &workers[i].books);
        new_stacks += workers[i].new_stacks;
    }
    ledger_check(&books, LAST_LINE, &found);
    const spprof_stats *stats = &found.stats;
    const uint64_t columns[] = {new_stacks,
                                stats->stacks,
                                stats->stacks_max,
                                stats->evicted_stacks,
                                stats->folded_samples,
                                stats->folded_bytes,
                                stats->unkept_samples,
                                stats->unkept_live_samples,
                                stats->mapped_bytes,
                                resident_bytes(),
                                stats->total_samples,
                                stats->live_samples};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) printf("%s%" PRIu64, i ? " " : "", columns[i]);
    print_estimate(books.true_live_bytes, &found.live);
    print_estimate(true_line_bytes, &found.line);
    printf("\n");
    fflush(stdout);
}

int main(int argc, char **argv) {
    uint64_t stacks = ledger_argument(argc, argv, "stacks", 100000), steps = ledger_argument(argc, argv, "steps", 10);
    uint64_t leak = ledger_argument(argc, argv, "leak", 20000000), line = ledger_argument(argc, argv, "line", 50000000);
    threads = ledger_argument(argc, argv, "threads", 1);
    medium = ledger_argument(argc, argv, "medium", 2048);
    worker *workers = calloc(THREADS_MAX, sizeof *workers);
    if (!workers || threads == 0 || threads > THREADS_MAX || steps == 0 || medium == 0 || medium > MEDIUM_MAX)
        ledger_fail("nothing to do");
    for (uint64_t i = 0; i < threads; i++) workers[i].place = i;
    ledger_prepare();
    ledger_start((uint32_t)ledger_argument(argc, argv, "rate", 4096), ledger_argument(argc, argv, "seed", 1));
    ledger leaks = {0};
    leak_at(&leaks, LEAK_LINE, leak, LEAK_BLOCK);
    for (uint64_t step = 0; step < steps; step++) {
        take_step(workers, stacks / steps, step == 0);
        print_row(workers, &leaks, 0);
    }
    leak_at(&leaks, LAST_LINE, line, LINE_BLOCK);
    print_row(workers, &leaks, line);
    return 0;
}
