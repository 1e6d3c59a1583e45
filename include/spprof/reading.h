/* reading.h: what the heap profiler has recorded: totals, live samples, sums by stack.
 *
 *   sample {address, size, …} ──► live table ──► spprof_copy_live           until it is freed
 *                             ├─► its stack's sums ──► spprof_copy_stacks   folded into one when the stack leaves
 *                             └─► counters ──► spprof_get_stats
 *
 * Memory:  the caller's; nothing here allocates.
 * Threads: any. Counters are read one by one: each is correct on its own, and live never exceeds total.
 * Signals: spprof_weigh and spprof_count_drop are safe; the others must not be called in a handler.
 * Fork:    a child has everything its parent had recorded.
 * Full:    what exceeds the caller's room is counted, not written.
 */
#ifndef SPPROF_READING_H
#define SPPROF_READING_H

#include "spprof/api.h"
#include "spprof/hooks.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Weights are summed in fixed point, so that a free subtracts exactly what its allocation added. */
#define SPPROF_BYTES_ONE 256    /* estimated bytes are counted in 1/256 */
#define SPPROF_OBJECTS_ONE 4096 /* estimated objects are counted in 1/4096 */

/* A sample of `size` bytes drawn with p = 1 − exp(−size/rate) stands for size/p bytes and 1/p objects. */
typedef struct spprof_weight {
    double probability;
    uint64_t bytes;   /* in 1/SPPROF_BYTES_ONE */
    uint64_t objects; /* in 1/SPPROF_OBJECTS_ONE */
    uint64_t size;    /* the sample's own, in bytes */
} spprof_weight;
SPPROF_API spprof_weight spprof_weigh(uint64_t size, uint32_t rate);

/* Reasons why a sample was not kept: X(constant, name in Python, meaning). */
#define SPPROF_DROP_REASONS(X)                                                                                         \
    X(LIVE_TABLE_FULL, "live_table_full", "the maximum number of live samples has been reached")                       \
    X(STACK_TABLE_FULL, "stack_table_full",                                                                            \
      "does not occur: such samples are kept under the stack <stacks table full>")                                     \
    X(CODE_TABLE_FULL, "code_table_full", "does not occur: such frames are kept as <code table full>")                 \
    X(OUT_OF_MEMORY, "out_of_memory", "the kernel provided no memory for a table")                                     \
    X(HOOK_DISPLACED, "hook_displaced", "another tool had replaced our allocator hook")                                \
    X(PENDING_FREES_FULL, "pending_frees_full", "too many frees from signal handlers that interrupted the engine")

typedef enum spprof_drop_reason {
#define X(constant, name, meaning) SPPROF_DROP_##constant,
    SPPROF_DROP_REASONS(X)
#undef X
        SPPROF_DROP_REASON_COUNT
} spprof_drop_reason;
SPPROF_API void spprof_count_drop(spprof_drop_reason reason);

typedef struct spprof_stats {
    uint64_t total_samples, live_samples, freed_samples; /* total = live + freed, always */
    uint64_t unique_stacks;                /* stacks that got a sample of an allocation; a stack that left and came
                                            * back counts again */
    uint64_t stacks, stacks_max;           /* in the table now, including the CPU profiler's; the named maximum */
    uint64_t evicted_stacks;               /* stacks that have left the table */
    uint64_t folded_samples, folded_bytes; /* of the stacks that left: samples, and estimated bytes allocated */
    uint64_t unkept_samples, unkept_live_samples; /* counted as <stacks table full>: so far, and now live */
    uint64_t marked_codes;                        /* how many times a frame's code did not fit */
    uint64_t live_bytes, live_objects;            /* estimates, in the fixed-point units above */
    uint64_t peak_bytes;        /* the highest live_bytes since the first start; in a child, since its fork */
    uint64_t window_peak_bytes; /* the highest live_bytes since the last spprof_reset_peak */
    uint64_t live_samples_max;  /* the live table's named maximum */
    uint64_t thinned_samples;   /* dropped when the live table was full: other samples represent them. They count as
                                 * freed */
    uint64_t lost_bytes;        /* what the samples that did not fit even then stood for */
    uint64_t missed_frees;      /* how many times a sample arrived at an address still listed as live */
    uint64_t last_serial;
    uint64_t forked_serial; /* last_serial at the last fork: children also have the samples up to it; 0: never forked */
    uint32_t birth;         /* spprof_site.birth of the samples that this process takes */
    uint64_t mapped_bytes;  /* bytes that the engine has mapped, resident or not */
    uint64_t dropped[SPPROF_DROP_REASON_COUNT];
    uint32_t thinned_rate, thinnings; /* minimum rate of samples since the last thinning, 0: none; how many thinnings */
    uint32_t rate, longest_rate;      /* the latest sampling interval, and the longest of all so far */
    uint32_t budget_ppm;              /* the budget of the latest start; 0: none */
    uint64_t spent_ns;                /* measured cost of samples since the first start with a budget */
    uint32_t epochs;                  /* starts so far */
} spprof_stats;
SPPROF_API void spprof_get_stats(spprof_stats *stats);

/* Copy up to `capacity` live samples and return how many there are. If that exceeds `capacity`, call again with more
 * room. The table is copied shard by shard: no allocation waits longer than it takes to copy 1/64 of the table. */
SPPROF_API size_t spprof_copy_live(spprof_sample *out, size_t capacity);

/* Copy up to `capacity` stacks with the sums of what was sampled at them, and up to `frame_capacity` of their
 * frames, one stack's after another's (first_frame). The marked stacks come last, if anything was counted there.
 * `logged`: copy only the stacks that the CPU profiler's log contains. Return false if not all of them fit; *count
 * and *frame_count then say how much room is needed. Call this between spprof_keep_stacks and spprof_let_stacks_go. */
typedef struct spprof_site spprof_site;
SPPROF_API bool spprof_copy_stacks(bool logged, spprof_site *sites, size_t capacity, size_t *count, uint64_t *frames,
                                   size_t frame_capacity, size_t *frame_count);
/* Like spprof_copy_stacks(), but copy only the stacks after slot *slot (0: from the first one), as many as fit, in
 * ascending order of their slots. Set *slot to the last slot copied. Return the number of stacks; 0 means that none
 * are left. There must be room for the frames of one stack: SPPROF_STACK_FRAMES_MAX. */
SPPROF_API size_t spprof_copy_stacks_behind(uint32_t *slot, spprof_site *sites, size_t capacity, uint64_t *frames,
                                            size_t frame_capacity);

/* The totals of a set of samples, in the fixed-point units above, and the sums from which confidence intervals are
 * computed: variance = Σ(1−p)w², skewness = Σ(1−p)²w³, where w is the weight in bytes (docs/sampling.md). */
typedef struct spprof_sums {
    uint64_t samples, size; /* size: total size of the sampled blocks themselves, in bytes */
    uint64_t bytes, objects;
    double variance, skewness;
} spprof_sums;

static inline void spprof_sums_add(spprof_sums *to, const spprof_sums *other) {
    to->samples += other->samples;
    to->size += other->size;
    to->bytes += other->bytes;
    to->objects += other->objects;
    to->variance += other->variance;
    to->skewness += other->skewness;
}

/* Windows whose peaks are kept: the one since the first start (in a child: since its fork), and the one since the
 * last spprof_reset_peak. */
#define SPPROF_PEAK_OF_PROCESS 0
#define SPPROF_PEAK_OF_WINDOW 1
#define SPPROF_PEAKS 2

/* Everything sampled so far at one stack, how much of it is live, and how much was live when the heap was largest. */
struct spprof_site {
    spprof_sums allocated, live, at_peak[SPPROF_PEAKS];
    uint64_t stack_id;
    uint64_t first_frame;    /* index in the frames that spprof_copy_stacks copied */
    uint64_t ticks, tick_ns; /* what did not fit in the CPU profiler's log: samples, weight */
    uint32_t frame_count;
    uint32_t labels;               /* the label set, 0: none */
    uint32_t birth;                /* the process of its samples: 0 for the first, one more for each fork */
    bool depth_limited, truncated; /* spprof_stack */
};
/* Return false if there is no such stack id, or if the stack has left the table. */
SPPROF_API bool spprof_site_get(uint64_t stack_id, spprof_site *site);

/* Reset the second window's peak to what is live now. Before the first start this does nothing. */
SPPROF_API void spprof_reset_peak(void);

/* A process in which samples were born. Process ids are reused, so the mark is drawn at random: no two processes
 * share it. */
typedef struct spprof_process {
    uint64_t mark;
    uint32_t id; /* 0: unknown */
} spprof_process;

/* Return the process with this index. The first 64 nested forks are known. */
SPPROF_API spprof_process spprof_birth_process(uint32_t birth);

#endif
