/* lifecycle.h: start, stop and shutdown of the heap profiler.
 *
 *   never started ── start ──► active ── stop ──► stopped ── start ──► active …        frees are followed in each
 *         └──────────────────────┴──── shutdown ────┴──► shut down: everything passes
 *
 * Memory:  the tables are mapped at the first start and stay mapped.
 * Threads: any; one lock, which no allocation waits for.
 * Signals: spprof_is_active and spprof_is_shut_down are safe; the others must not be called in a handler.
 * Fork:    a child continues in its parent's state. It draws another random sequence, unless a seed fixes it.
 * Full:    SPPROF_OUT_OF_MEMORY, and nothing has begun.
 */
#ifndef SPPROF_LIFECYCLE_H
#define SPPROF_LIFECYCLE_H

#include "spprof/api.h"

#include <stdbool.h>
#include <stdint.h>

/* Return the version, such as "0.1.0". Call this first when a library has been found: it is the one name that never
 * changes. */
SPPROF_API const char *spprof_version(void);

/* Return the absolute path of the mapped library, or "" if it is unknown. */
SPPROF_API const char *spprof_library_path(void);

typedef enum spprof_status {
    SPPROF_OK,
    SPPROF_ALREADY_ACTIVE,
    SPPROF_NOT_ACTIVE,
    SPPROF_SHUT_DOWN,     /* start was called after shutdown, which is final */
    SPPROF_BAD_RATE,      /* above SPPROF_RATE_MAX */
    SPPROF_OUT_OF_MEMORY, /* the tables could not be mapped */
    SPPROF_TOO_MANY_STARTS
} spprof_status;

#define SPPROF_RATE_MAX (UINT32_C(1) << 30) /* 1 GiB */

/* Begin sampling, on average one sample per `rate` bytes; 0 samples every allocation. If `seed` is not NULL, each
 * thread draws from a sequence that the seed and the order in which threads allocate determine. Data accumulates
 * across stops. */
SPPROF_API spprof_status spprof_start(uint32_t rate, const uint64_t *seed);
/* Limit the cost of the following starts. If samples cost more than `share_ppm` millionths of one core, the sampling
 * interval grows, up to SPPROF_RATE_MAX. When they cost less, it shrinks back to the interval of the start. 0: it
 * never changes. This has no effect while every allocation is sampled. The choice of samples then also depends on
 * the clock, even with a seed. */
SPPROF_API void spprof_set_budget(uint32_t share_ppm);
/* Take no new samples. Frees are still followed. */
SPPROF_API spprof_status spprof_stop(void);
/* Shut down for the rest of the process: allocations and frees pass, and what was recorded stays readable.
 * Idempotent. */
SPPROF_API void spprof_shutdown(void);
SPPROF_API bool spprof_is_active(void);
SPPROF_API bool spprof_is_shut_down(void);

#endif
