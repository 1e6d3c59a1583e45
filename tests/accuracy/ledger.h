/* ledger.h: allocates through the engine, as a hook does, and keeps books of its own to hold the engine's against.
 *
 *   ledger_enter(chain) ── the stack of what comes next ──► walker
 *   ledger_allocate ──► spprof_begin, malloc, spprof_end ──► books: true bytes; what was sampled, in fixed point
 *   ledger_check    ──► all records = counters = live samples = books, to the last 1/256 of a byte
 *
 * Memory:  the program's, by malloc, which no hook of ours sees.
 * Threads: a ledger each; ledger_check while none allocates.
 */
#ifndef LEDGER_H
#define LEDGER_H

#include "spprof.h"

#include <stdbool.h>
#include <stdint.h>

/* What samples stand for, in the engine's fixed points. */
typedef struct sums {
    uint64_t samples, bytes, objects;
} sums;

typedef struct ledger {
    sums allocated, freed;
    uint64_t true_bytes, true_live_bytes;
} ledger;

typedef struct block {
    void *address;
    uint64_t size;
    bool sampled;
} block;

/* Where the sums of an interval come from: docs/sampling.md. */
typedef struct estimate {
    uint64_t bytes; /* fixed point */
    double variance, skewness;
    uint64_t seen, samples;
} estimate;

/* What the whole engine says. */
typedef struct reading {
    spprof_stats stats;
    estimate live;        /* all live samples */
    estimate line;        /* those at the line asked for */
    spprof_site recorded; /* the sums over all records, marked ones too */
} reading;

/* A call chain that a recursive parser makes, another for each number below 2^28; or one line of the program. */
static inline uint64_t ledger_parser_chain(uint64_t number) {
    return number << 1;
}
static inline uint64_t ledger_line(uint64_t number) {
    return number << 1 | 1;
}

void ledger_fail(const char *what);

/* Before the first start. */
void ledger_prepare(void);

/* Begins sampling; `rate` and `seed` fix all samples of a program with one thread. */
void ledger_start(uint32_t rate, uint64_t seed);

void ledger_enter(uint64_t chain);
block ledger_allocate(ledger *ledger, uint64_t size);
void ledger_free(ledger *ledger, block *block);

void ledger_add(ledger *sum, const ledger *other);

/* After the first start. Ends the program if any sum differs from another, a sample was dropped or a free was missed.
 * `line`: see reading. */
void ledger_check(const ledger *books, uint64_t line, reading *out);

/* The value of NAME=VALUE among the arguments, or `otherwise`. */
uint64_t ledger_argument(int argc, char **argv, const char *name, uint64_t otherwise);

#endif
