/* workload.c: allocates at invented addresses through the engine and prints the true values next to the estimates.
 *
 *   workload KEY=VALUE... SIZE:COUNT...
 *
 *   rates=R,R,…   mean bytes between samples; phase k runs at rate k, cyclically
 *   runs=N        number of repetitions, each with its own seeds
 *   seed=N        number from which those seeds are derived
 *   phases=N      starts per run: sampling stops and starts again between two phases
 *   rounds=N      how many times a phase goes through SIZE:COUNT…, in an order shuffled once, by a separate generator
 *   keep=N        one block in N stays live until the end of the run, the others are freed at once
 *   threads=N     each thread does the whole work; 0 = the main thread alone
 *   batch=N       how many threads live at a time; 0 = all of them
 *   switches=N    instead of phases: N restarts while the threads allocate without waiting; everything is kept,
 *                 except blocks during which a restart happened
 *
 * One line per run, integers, estimates in the engine's fixed point:
 *   allocated bytes, objects, kept bytes, objects (true values), the same four as estimated, samples, live samples,
 *   bytes seen in live samples, blocks left out (switches only), variance, skewness of everything allocated
 *
 * All threads do the same work, so no sum depends on which thread gets which position in the seeded sequence: without
 * switches, the arguments determine the output.
 */
#include "spprof.h"

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_MAX 16
#define BLOCK_SPACING 16 /* distance between two addresses, as in malloc */

static uint64_t rates[LIST_MAX] = {4096}, rate_count = 1;
static uint64_t runs = 1, seed = 1, phases = 1, rounds = 1, keep = 1, threads = 0, batch = 0, switches = 0;
static uint64_t sizes[LIST_MAX], counts[LIST_MAX], kinds = 0;

static uint64_t *order, order_length; /* the sizes of one round, shuffled */
static _Atomic uint64_t generation;   /* switches: odd during a restart */
static _Atomic bool finished;
static pthread_barrier_t barrier;
static uint32_t run_number;

typedef struct worker {
    pthread_t thread;
    uintptr_t next_address;
    uint64_t until_kept, bytes, objects, kept_bytes, kept_objects, left_out;
    _Atomic uint64_t progress;
} worker;

static void fail(const char *what) {
    fprintf(stderr, "workload: %s\n", what);
    exit(1);
}

static void check(bool holds, const char *what) {
    if (!holds) fail(what);
}

/* ---- The work ---- */

/* There is one stack per run, so that the engine's site totals are the run's. */
static size_t walk(uint64_t *frames, size_t capacity, bool *depth_limited) {
    (void)capacity, (void)depth_limited;
    frames[0] = spprof_frame_interpreted(run_number, 1);
    return 1;
}

static inline void *allocate(worker *worker, uint64_t size) {
    void *address = (void *)worker->next_address;
    worker->next_address += BLOCK_SPACING;
    if (spprof_passes(size)) return address;
    spprof_ticket ticket;
    spprof_begin(&ticket, size);
    return spprof_end(&ticket, address);
}

static inline void release(void *address) {
    if (spprof_may_be_live(address)) spprof_forget(address);
}

static void do_phase(worker *worker) {
    for (uint64_t round = 0; round < rounds; round++)
        for (uint64_t i = 0; i < order_length; i++) {
            uint64_t size = order[i];
            void *address = allocate(worker, size);
            bool kept = worker->until_kept == 0;
            worker->until_kept = kept ? keep - 1 : worker->until_kept - 1;
            worker->bytes += size;
            worker->objects++;
            worker->kept_bytes += kept ? size : 0;
            worker->kept_objects += kept;
            if (!kept) release(address);
        }
}

static void do_until_finished(worker *worker) {
    for (uint64_t i = 0; !atomic_load_explicit(&finished, memory_order_relaxed); i = (i + 1) % order_length) {
        uint64_t before = atomic_load(&generation);
        void *address = allocate(worker, order[i]);
        if (before % 2 == 1 || atomic_load(&generation) != before) {
            release(address);
            worker->left_out += before % 2 == 0;
            continue;
        }
        worker->kept_bytes += order[i];
        worker->kept_objects++;
        atomic_store_explicit(&worker->progress, worker->kept_objects, memory_order_relaxed);
    }
}

static void *work(void *argument) {
    worker *self = argument;
    if (switches > 0) {
        do_until_finished(self);
        return NULL;
    }
    for (uint64_t phase = 0; phase < phases; phase++) {
        if (phases > 1) pthread_barrier_wait(&barrier);
        do_phase(self);
        if (phases > 1) pthread_barrier_wait(&barrier);
    }
    return NULL;
}

/* ---- One run ---- */

static void start(uint64_t phase) {
    uint64_t phase_seed = (seed + run_number - 1) * 1000003 + phase;
    check(spprof_start((uint32_t)rates[phase % rate_count], &phase_seed) == SPPROF_OK, "cannot start");
}

static void stop(void) {
    check(spprof_stop() == SPPROF_OK, "cannot stop");
}

static void create(worker *workers, uint64_t count) {
    for (uint64_t i = 0; i < count; i++)
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) fail("cannot create a thread");
}

static void join(worker *workers, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) pthread_join(workers[i].thread, NULL);
}

static void run_in_batches(worker *workers) {
    start(0);
    for (uint64_t done = 0; done < threads;) {
        uint64_t count = batch && batch < threads - done ? batch : threads - done;
        create(workers + done, count);
        join(workers + done, count);
        done += count;
    }
    stop();
}

static void run_in_phases(worker *workers) {
    pthread_barrier_init(&barrier, NULL, (unsigned)threads + 1);
    create(workers, threads);
    for (uint64_t phase = 0; phase < phases; phase++) {
        start(phase);
        pthread_barrier_wait(&barrier);
        pthread_barrier_wait(&barrier);
        stop();
    }
    join(workers, threads);
    pthread_barrier_destroy(&barrier);
}

static uint64_t progress(worker *workers) {
    uint64_t sum = 0;
    for (uint64_t i = 0; i < threads; i++) sum += atomic_load(&workers[i].progress);
    return sum;
}

/* Each rate applies for `rounds` rounds, counted over all threads together. */
static void run_under_load(worker *workers) {
    atomic_store(&finished, false);
    start(0);
    create(workers, threads);
    for (uint64_t change = 1; change <= switches; change++) {
        while (progress(workers) < change * rounds * order_length) sched_yield();
        atomic_fetch_add(&generation, 1);
        stop();
        start(change);
        atomic_fetch_add(&generation, 1);
    }
    while (progress(workers) < (switches + 1) * rounds * order_length) sched_yield();
    atomic_store(&finished, true);
    join(workers, threads);
    stop();
}

static void run_alone(worker *self) {
    for (uint64_t phase = 0; phase < phases; phase++) {
        start(phase);
        do_phase(self);
        stop();
    }
}

static void run(worker *workers) {
    if (threads == 0)
        run_alone(workers);
    else if (switches > 0)
        run_under_load(workers);
    else if (phases > 1)
        run_in_phases(workers);
    else
        run_in_batches(workers);
}

/* ---- Results ---- */

/* Sums all stacks since `first_id`, which are the stacks of this run. */
static spprof_site sum_sites(uint64_t first_id, uint64_t last_id) {
    spprof_site sum = {0};
    for (uint64_t id = first_id; id <= last_id; id++) {
        spprof_site site;
        if (!spprof_site_get((uint32_t)id, &site)) continue;
        spprof_sums_add(&sum.allocated, &site.allocated);
        spprof_sums_add(&sum.live, &site.live);
    }
    return sum;
}

/* Checks that the live table, the counters and the site totals agree to the last 1/256 of a byte. */
static uint64_t check_live(const spprof_site *site, const spprof_stats *stats, const spprof_sample *live) {
    uint64_t bytes = 0, objects = 0, seen = 0;
    for (uint64_t i = 0; i < stats->live_samples; i++) {
        spprof_weight weight = spprof_weigh(live[i].size, live[i].rate);
        bytes += weight.bytes;
        objects += weight.objects;
        seen += live[i].size;
    }
    check(bytes == stats->live_bytes && objects == stats->live_objects, "the counters differ from the live table");
    check(bytes == site->live.bytes, "the site's bytes differ from the live table");
    check(objects == site->live.objects, "the site's objects differ from the live table");
    check(stats->live_samples == site->live.samples, "the site's samples differ from the live table");
    for (int i = 0; i < SPPROF_DROP_REASON_COUNT; i++) check(stats->dropped[i] == 0, "a sample was dropped");
    check(stats->missed_frees == 0, "a free was missed");
    return seen;
}

static void report(const worker *workers, uint64_t first_id) {
    worker truth = {0};
    for (uint64_t i = 0; i < (threads ? threads : 1); i++) {
        truth.bytes += workers[i].bytes;
        truth.objects += workers[i].objects;
        truth.kept_bytes += workers[i].kept_bytes;
        truth.kept_objects += workers[i].kept_objects;
        truth.left_out += workers[i].left_out;
    }
    spprof_stats stats;
    spprof_get_stats(&stats);
    spprof_site site = sum_sites(first_id, stats.stacks);
    spprof_sample *live = malloc((stats.live_samples + 1) * sizeof *live);
    check(live && spprof_copy_live(live, stats.live_samples) == stats.live_samples, "the live table has another size");
    uint64_t seen = check_live(&site, &stats, live);
    const uint64_t columns[] = {truth.bytes,
                                truth.objects,
                                truth.kept_bytes,
                                truth.kept_objects,
                                site.allocated.bytes,
                                site.allocated.objects,
                                stats.live_bytes,
                                stats.live_objects,
                                site.allocated.samples,
                                stats.live_samples,
                                seen,
                                truth.left_out};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) printf("%" PRIu64 " ", columns[i]);
    printf("%.17g %.17g\n", site.allocated.variance, site.allocated.skewness);
    for (uint64_t i = 0; i < stats.live_samples; i++) release((void *)(uintptr_t)live[i].address);
    free(live);
    spprof_get_stats(&stats);
    check(stats.live_samples == 0 && stats.live_bytes == 0 && stats.live_objects == 0,
          "all freed, and something lives");
}

/* ---- Arguments ---- */

static bool read_list(const char *text, const char *name) {
    size_t length = strlen(name);
    if (strncmp(text, name, length) != 0 || text[length] != '=') return false;
    rate_count = 0;
    for (const char *at = text + length; *at && rate_count < LIST_MAX;) {
        char *end;
        rates[rate_count++] = strtoull(at + 1, &end, 10);
        at = end;
    }
    return true;
}

static bool read_number(const char *text, const char *name, uint64_t *out) {
    size_t length = strlen(name);
    if (strncmp(text, name, length) != 0 || text[length] != '=') return false;
    *out = strtoull(text + length + 1, NULL, 10);
    return true;
}

static bool read_kind(const char *text) {
    if (kinds == LIST_MAX || sscanf(text, "%" SCNu64 ":%" SCNu64, &sizes[kinds], &counts[kinds]) != 2) return false;
    order_length += counts[kinds++];
    return true;
}

static void read_argument(const char *text) {
    bool known = read_list(text, "rates") || read_number(text, "runs", &runs) || read_number(text, "seed", &seed) ||
                 read_number(text, "phases", &phases) || read_number(text, "rounds", &rounds) ||
                 read_number(text, "keep", &keep) || read_number(text, "threads", &threads) ||
                 read_number(text, "batch", &batch) || read_number(text, "switches", &switches) || read_kind(text);
    check(known, text);
}

/* Fisher–Yates shuffle; its generator is independent of the engine's. */
static void shuffle(void) {
    uint64_t *at = order = malloc(order_length * sizeof *order);
    check(order, "no memory");
    for (uint64_t kind = 0; kind < kinds; kind++)
        for (uint64_t i = 0; i < counts[kind]; i++) *at++ = sizes[kind];
    if (kinds < 2) return;
    uint64_t state = 12345;
    for (uint64_t i = order_length; i-- > 1;) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
        uint64_t other = (state >> 33) % (i + 1), size = order[i];
        order[i] = order[other];
        order[other] = size;
    }
}

/* Gives each thread its own addresses. */
static void reset(worker *workers) {
    uint64_t blocks = switches ? UINT64_C(1) << 32 : phases * rounds * order_length;
    for (uint64_t i = 0; i < (threads ? threads : 1); i++) {
        workers[i] = (worker){.next_address = (UINT64_C(1) << 40) + i * blocks * BLOCK_SPACING};
    }
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) read_argument(argv[i]);
    check(order_length > 0 && keep > 0 && rate_count > 0, "nothing to do");
    shuffle();
    worker *workers = calloc(threads ? threads : 1, sizeof *workers);
    check(workers, "no memory");
    spprof_set_walker(walk);
    for (run_number = 1; run_number <= runs; run_number++) {
        spprof_stats stats;
        spprof_get_stats(&stats);
        reset(workers);
        run(workers);
        report(workers, stats.stacks + 1);
    }
    free(workers);
    free(order);
    return 0;
}
