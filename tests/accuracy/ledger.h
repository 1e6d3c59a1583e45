/* ledger.h: allocates through the engine as a hook does, and keeps its own ledger to compare with the engine's sums.
 *
 *   ledger_enter(chain) ── the stack of the next allocations ──► walker
 *   ledger_allocate ──► spprof_begin, malloc, spprof_end ──► ledger: true bytes; sampled bytes in fixed point
 *   ledger_check    ──► all records = counters = live samples = ledger, to the last 1/256 of a byte
 *
 * Memory:  the program's, from malloc, which no hook of ours sees.
 * Threads: one ledger per thread; call ledger_check while no thread is allocating.
 */
#ifndef LEDGER_H
#define LEDGER_H

#include "spprof.h"

#include <stdbool.h>
#include <stdint.h>

/* The totals that the samples represent, in the engine's fixed point. */
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

/* The sums from which an interval is computed (see docs/sampling.md). */
typedef struct estimate {
    uint64_t bytes; /* in fixed point */
    double variance, skewness;
    uint64_t seen, samples;
} estimate;

/* The engine's overall figures. */
typedef struct reading {
    spprof_stats stats;
    estimate live;        /* all live samples */
    estimate line;        /* the live samples at the requested line */
    spprof_site recorded; /* the sums over all records, including marked ones */
} reading;

/* Return a call chain of a recursive parser, which differs for each number below 2^28, or one line of the program. */
static inline uint64_t ledger_parser_chain(uint64_t number) {
    return number << 1;
}
static inline uint64_t ledger_line(uint64_t number) {
    return number << 1 | 1;
}

void ledger_fail(const char *what);

/* Call this before the first start. */
void ledger_prepare(void);

/* Starts sampling. In a program with one thread, `rate` and `seed` determine all samples. */
void ledger_start(uint32_t rate, uint64_t seed);

void ledger_enter(uint64_t chain);
block ledger_allocate(ledger *ledger, uint64_t size);
void ledger_free(ledger *ledger, block *block);

void ledger_add(ledger *sum, const ledger *other);

/* Call this after the first start. Ends the program if any two sums differ, a sample was dropped or a free was
 * missed. `line`: see the struct `reading`. */
void ledger_check(const ledger *books, uint64_t line, reading *out);

/* Returns the value of NAME=VALUE among the arguments, or `otherwise`. */
uint64_t ledger_argument(int argc, char **argv, const char *name, uint64_t otherwise);

#endif
