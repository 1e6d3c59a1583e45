#include "ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ledger_fail(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(1);
}

/* ---- Stacks ---- */

#define WALK 1 /* code ids */
#define LINE 2
#define MAIN 3
#define LEVELS 28        /* levels of the recursion; each makes one of two calls */
#define DEPTHS 24        /* other levels, the same for all chains of one depth, so that records differ in size */
#define ODD 0x9E3779B1ul /* chains with neighbouring numbers differ from the leaf on, not only near the root */

static _Thread_local uint64_t current_chain;

static size_t write_parser(uint64_t *words, uint64_t number) {
    uint64_t way = number * ODD & ((UINT64_C(1) << LEVELS) - 1);
    size_t depth = LEVELS + number % DEPTHS;
    for (size_t level = 0; level < depth; level++)
        words[level] = spprof_frame_interpreted(WALK, level < LEVELS ? 1 + (way >> level & 1) : 1);
    return depth;
}

static size_t walk(uint64_t *words, size_t capacity, bool *depth_limited) {
    (void)capacity, (void)depth_limited;
    uint64_t number = current_chain >> 1;
    size_t count = 1;
    if (current_chain & 1)
        words[0] = spprof_frame_interpreted(LINE, (uint32_t)number);
    else
        count = write_parser(words, number);
    words[count] = spprof_frame_interpreted(MAIN, 1);
    return count + 1;
}

static bool is_at_line(uint64_t stack_id, uint64_t line) {
    spprof_stack stack;
    if (!spprof_stack_get(stack_id, &stack)) ledger_fail("a live sample's stack is gone");
    for (uint32_t i = 0; i < stack.count; i++)
        if (stack.frames[i] == spprof_frame_interpreted(LINE, (uint32_t)(line >> 1))) return true;
    return false;
}

void ledger_prepare(void) {
    spprof_set_walker(walk);
}

void ledger_start(uint32_t rate, uint64_t seed) {
    if (spprof_start(rate, &seed) != SPPROF_OK) ledger_fail("cannot start");
}

/* ---- Allocations ---- */

static void add_sample(sums *sums, uint64_t size, uint32_t rate) {
    spprof_weight weight = spprof_weigh(size, rate);
    sums->samples++;
    sums->bytes += weight.bytes;
    sums->objects += weight.objects;
}

static uint32_t rate_now(void) {
    static _Atomic uint32_t rate;
    if (rate == 0) {
        spprof_stats stats;
        spprof_get_stats(&stats);
        rate = stats.rate;
    }
    return rate;
}

void ledger_enter(uint64_t chain) {
    current_chain = chain;
}

static void *allocate(uint64_t size) {
    void *address = malloc(size);
    if (!address) ledger_fail("no memory");
    return address;
}

/* Not inlined, so that all stacks of a program that calls it from one place end in the same native frames. */
__attribute__((noinline)) block ledger_allocate(ledger *ledger, uint64_t size) {
    ledger->true_bytes += size;
    ledger->true_live_bytes += size;
    if (spprof_passes(size)) return (block){.address = allocate(size), .size = size};
    spprof_ticket ticket;
    spprof_begin(&ticket, size);
    block block = {.address = spprof_end(&ticket, allocate(size)), .size = size, .sampled = ticket.sampled};
    if (block.sampled) add_sample(&ledger->allocated, size, rate_now());
    return block;
}

void ledger_free(ledger *ledger, block *block) {
    if (!block->address) return;
    ledger->true_live_bytes -= block->size;
    if (block->sampled) add_sample(&ledger->freed, block->size, rate_now());
    if (spprof_may_be_live(block->address)) spprof_forget(block->address);
    free(block->address);
    block->address = NULL;
}

static void add_sums(sums *to, const sums *other) {
    to->samples += other->samples;
    to->bytes += other->bytes;
    to->objects += other->objects;
}

void ledger_add(ledger *sum, const ledger *other) {
    add_sums(&sum->allocated, &other->allocated);
    add_sums(&sum->freed, &other->freed);
    sum->true_bytes += other->true_bytes;
    sum->true_live_bytes += other->true_live_bytes;
}

/* ---- The engine's sums ---- */

#define SLOTS ((size_t)1 << SPPROF_STACK_SLOT_BITS)

static void equal(const char *what, uint64_t found, uint64_t expected) {
    if (found == expected) return;
    fprintf(stderr, "%s: %" PRIu64 ", not %" PRIu64 "\n", what, found, expected);
    exit(1);
}

static void add_estimate(estimate *sum, const spprof_sample *sample) {
    spprof_weight weight = spprof_weigh(sample->size, sample->rate);
    double bytes = (double)weight.bytes / SPPROF_BYTES_ONE, unseen = 1 - weight.probability;
    sum->samples++;
    sum->bytes += weight.bytes;
    sum->variance += unseen * bytes * bytes;
    sum->skewness += unseen * unseen * bytes * bytes * bytes;
    sum->seen += sample->size;
}

/* Sums all live samples into `out`, and the samples of each stack into `by_slot`, indexed by the stack's slot. */
static void read_live(uint64_t line, reading *out, sums *by_slot) {
    size_t count = out->stats.live_samples;
    spprof_sample *samples = malloc((count + 1) * sizeof *samples);
    if (!samples || spprof_copy_live(samples, count) != count) ledger_fail("the live table has another size");
    uint64_t objects = 0;
    for (size_t i = 0; i < count; i++) {
        add_estimate(&out->live, &samples[i]);
        if (is_at_line(samples[i].stack_id, line)) add_estimate(&out->line, &samples[i]);
        sums *of_stack = &by_slot[spprof_stack_slot(samples[i].stack_id)];
        add_sample(of_stack, samples[i].size, samples[i].rate);
        objects += spprof_weigh(samples[i].size, samples[i].rate).objects;
    }
    free(samples);
    equal("live bytes of the samples and of the counters", out->live.bytes, out->stats.live_bytes);
    equal("live objects of the samples and of the counters", objects, out->stats.live_objects);
}

static void add_site(spprof_site *sum, const spprof_site *site) {
    spprof_sums_add(&sum->allocated, &site->allocated);
    spprof_sums_add(&sum->live, &site->live);
}

/* Checks that each record's live totals match its live samples. Clears the entry in `live`, so that leftovers show. */
static void check_record(const spprof_site *site, sums *live) {
    equal("live samples of a stack", site->live.samples, live->samples);
    equal("live bytes of a stack", site->live.bytes, live->bytes);
    equal("live objects of a stack", site->live.objects, live->objects);
    *live = (sums){0};
}

static uint64_t read_records(reading *out, sums *live_by_slot) {
    static spprof_site *sites;
    static uint64_t *frames;
    size_t capacity = out->stats.stacks_max + 64, room = capacity * 128, count, frame_count;
    if (!sites) sites = malloc(capacity * sizeof *sites);
    if (!frames) frames = malloc(room * sizeof *frames);
    if (!sites || !frames || !spprof_copy_stacks(false, sites, capacity, &count, frames, room, &frame_count))
        ledger_fail("no room for the stacks");
    uint64_t live_samples = 0;
    for (size_t i = 0; i < count; i++) {
        add_site(&out->recorded, &sites[i]);
        sums *live = &live_by_slot[spprof_stack_slot(sites[i].stack_id)];
        live_samples += live->samples;
        check_record(&sites[i], live);
        if (sites[i].stack_id != SPPROF_STACKS_EVICTED) continue;
        equal("samples that were folded while live", live->samples, 0);
        equal("folded samples of the counters", out->stats.folded_samples, sites[i].allocated.samples);
        equal("folded bytes of the counters", out->stats.folded_bytes, sites[i].allocated.bytes);
    }
    return live_samples;
}

static void check_books(const ledger *books, const reading *found) {
    const spprof_site *recorded = &found->recorded;
    const spprof_stats *stats = &found->stats;
    equal("samples of all records", recorded->allocated.samples, books->allocated.samples);
    equal("bytes of all records", recorded->allocated.bytes, books->allocated.bytes);
    equal("objects of all records", recorded->allocated.objects, books->allocated.objects);
    equal("freed samples of all records", recorded->allocated.samples - recorded->live.samples, books->freed.samples);
    equal("freed bytes of all records", recorded->allocated.bytes - recorded->live.bytes, books->freed.bytes);
    equal("freed objects of all records", recorded->allocated.objects - recorded->live.objects, books->freed.objects);
    equal("samples of the counters", stats->total_samples, books->allocated.samples);
    equal("freed samples of the counters", stats->freed_samples, books->freed.samples);
    equal("live bytes of the counters", stats->live_bytes, books->allocated.bytes - books->freed.bytes);
    equal("live objects of the counters", stats->live_objects, books->allocated.objects - books->freed.objects);
    equal("missed frees", stats->missed_frees, 0);
    for (int i = 0; i < SPPROF_DROP_REASON_COUNT; i++) equal("dropped samples", stats->dropped[i], 0);
}

void ledger_check(const ledger *books, uint64_t line, reading *out) {
    static sums *live_by_slot;
    if (!live_by_slot) live_by_slot = calloc(SLOTS, sizeof *live_by_slot);
    if (!live_by_slot) ledger_fail("no memory");
    *out = (reading){0};
    spprof_keep_stacks();
    spprof_get_stats(&out->stats);
    read_live(line, out, live_by_slot);
    uint64_t found = read_records(out, live_by_slot);
    spprof_let_stacks_go();
    equal("live samples of all records", found, out->stats.live_samples);
    check_books(books, out);
}

/* ---- Arguments ---- */

uint64_t ledger_argument(int argc, char **argv, const char *name, uint64_t otherwise) {
    size_t length = strlen(name);
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], name, length) == 0 && argv[i][length] == '=')
            return strtoull(argv[i] + length + 1, NULL, 10);
    return otherwise;
}
