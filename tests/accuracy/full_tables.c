/* full_tables.c: many short runs before and after the stack table has filled up, each with its true values.
 *
 *   full_tables [KEY=VALUE...]
 *
 *   before=N    runs before the table is filled
 *   after=N     runs afterwards
 *   held=N      stacks that keep a live block once the table is filled; if the table cannot hold that many, no stack in
 *               it can be evicted
 *   filling=N   other stacks that are entered and freed again during the filling
 *   rate=N      mean bytes between samples
 *   seed=N      seed of the first run; each run has its own
 *
 * A run allocates at old lines, which all runs share, and at new lines, which no other run uses. It then frees some of
 * the blocks. The blocks that fill the table are so large that each is certain to be sampled, so they add no variance.
 * After each run, all sums are checked (ledger.h) and the run's blocks are freed.
 *
 * A row per run; integers, estimates in the engine's fixed point:
 *   0 before or 1 after, stacks in the table, evicted so far, samples under <stacks table full> so far; then for all
 *   live bytes, for those at the first old line, and for all bytes that the run allocated: true bytes, estimated bytes,
 *   seen bytes, samples, variance, skewness
 */
#include "ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define OLD_LINE ledger_line(1)
#define NEW_LINES 12
#define CERTAIN_RATES 64 /* a block of this many sampling intervals goes unsampled once in 10^27 */
#define PLAN_MAX 64
#define KEPT_MAX 4096

/* Allocations of `count` blocks at one line. One in `keep` blocks stays live; if `keep` is 0, none does. */
typedef struct step {
    uint64_t chain, size, count, keep;
} step;

static ledger books;
static uint64_t rate, held, filling, before;
static uint64_t next_chain; /* number of the parser's next chain */
static uint64_t next_line = 1000;

static step plan[PLAN_MAX];
static size_t plan_length;
static block kept[KEPT_MAX];
static size_t kept_count;
static uint64_t true_line_bytes; /* bytes live at OLD_LINE */

/* ---- Plans ---- */

static void add_step(uint64_t chain, uint64_t size, uint64_t count, uint64_t keep) {
    plan[plan_length++] = (step){.chain = chain, .size = size, .count = count, .keep = keep};
}

/* This gives about 45 live samples at the old line and 160 in all, at a rate of 4096. */
static void plan_run(void) {
    plan_length = 0;
    add_step(OLD_LINE, 600, 660, 2);
    add_step(ledger_line(2), 16, 1000, 1);
    add_step(ledger_line(2), 160, 300, 2);
    add_step(ledger_line(3), 1600, 80, 1);
    add_step(ledger_line(4), 5000, 12, 3);
    for (int i = 0; i < NEW_LINES; i++) add_step(ledger_line(next_line++), 600, 74, 2);
}

/* ---- A run ---- */

static void keep(block *block, bool stays) {
    if (!stays) {
        ledger_free(&books, block);
        return;
    }
    if (kept_count == KEPT_MAX) ledger_fail("a plan keeps more blocks than there is room for");
    kept[kept_count++] = *block;
}

static void perform(const step *step) {
    ledger_enter(step->chain);
    for (uint64_t i = 0; i < step->count; i++) {
        block block = ledger_allocate(&books, step->size);
        bool stays = step->keep && i % step->keep == 0;
        if (stays && step->chain == OLD_LINE) true_line_bytes += step->size;
        keep(&block, stays);
    }
}

static void free_kept(void) {
    while (kept_count > 0) ledger_free(&books, &kept[--kept_count]);
    true_line_bytes = 0;
}

/* ---- Rows ---- */

static void print_estimate(uint64_t truth, const estimate *found) {
    printf(" %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %.17g %.17g", truth, found->bytes, found->seen,
           found->samples, found->variance, found->skewness);
}

static estimate estimate_since(const spprof_site *earlier, const spprof_site *now) {
    return (estimate){.bytes = now->allocated.bytes - earlier->allocated.bytes,
                      .samples = now->allocated.samples - earlier->allocated.samples,
                      .variance = now->allocated.variance - earlier->allocated.variance,
                      .skewness = now->allocated.skewness - earlier->allocated.skewness};
}

static void print_row(bool is_after, const reading *earlier, uint64_t true_bytes_earlier) {
    reading found;
    ledger_check(&books, OLD_LINE, &found);
    estimate allocated = estimate_since(&earlier->recorded, &found.recorded);
    printf("%d %" PRIu64 " %" PRIu64 " %" PRIu64, is_after, found.stats.stacks, found.stats.evicted_stacks,
           found.stats.unkept_samples);
    print_estimate(books.true_live_bytes, &found.live);
    print_estimate(true_line_bytes, &found.line);
    print_estimate(books.true_bytes - true_bytes_earlier, &allocated);
    printf("\n");
}

static void run(uint64_t number, uint64_t seed, bool is_after) {
    ledger_start((uint32_t)rate, seed * 1000003 + number);
    reading earlier;
    ledger_check(&books, OLD_LINE, &earlier);
    uint64_t true_bytes = books.true_bytes;
    plan_run();
    for (size_t i = 0; i < plan_length; i++) perform(&plan[i]);
    print_row(is_after, &earlier, true_bytes);
    free_kept();
    if (spprof_stop() != SPPROF_OK) ledger_fail("cannot stop");
}

/* ---- The filling ---- */

static void fill(uint64_t seed) {
    ledger_start((uint32_t)rate, seed);
    for (uint64_t i = 0; i < held + filling; i++) {
        ledger_enter(ledger_parser_chain(next_chain++));
        block block = ledger_allocate(&books, CERTAIN_RATES * rate);
        if (!block.sampled) ledger_fail("a block was missed for certain");
        if (i >= held) ledger_free(&books, &block);
    }
    if (spprof_stop() != SPPROF_OK) ledger_fail("cannot stop");
}

int main(int argc, char **argv) {
    before = ledger_argument(argc, argv, "before", 150);
    uint64_t after = ledger_argument(argc, argv, "after", 150), seed = ledger_argument(argc, argv, "seed", 1);
    held = ledger_argument(argc, argv, "held", 0);
    filling = ledger_argument(argc, argv, "filling", 20000);
    rate = ledger_argument(argc, argv, "rate", 4096);
    ledger_prepare();
    for (uint64_t number = 0; number < before + after; number++) {
        if (number == before) fill(seed);
        run(number, seed, number >= before);
    }
    return 0;
}
