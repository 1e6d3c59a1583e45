/* lifecycle.h: start, stop and shut down of the heap profiler.
 *
 *   never started ── start ──► active ── stop ──► stopped ── start ──► active …        frees are followed in each
 *         └──────────────────────┴──── shutdown ────┴──► shut down: everything passes by
 *
 * Memory:  the tables are mapped at the first start, and stay.
 * Threads: any; one lock, which no allocation waits for.
 * Signals: spprof_is_active and spprof_is_shut_down are safe; the others are not called in a handler.
 * Fork:    a child goes on as its parent was. Unless its sequence is fixed by a seed, it draws otherwise.
 * Full:    SPPROF_OUT_OF_MEMORY, and nothing has begun.
 */
#ifndef SPPROF_LIFECYCLE_H
#define SPPROF_LIFECYCLE_H

#include "spprof/api.h"

#include <stdbool.h>
#include <stdint.h>

/* "0.1.0": the first thing to ask a library that was found, and the one name that never changes. */
SPPROF_API const char *spprof_version(void);

/* Absolute path of the mapped library, or "" if it cannot be told. */
SPPROF_API const char *spprof_library_path(void);

typedef enum spprof_status {
    SPPROF_OK,
    SPPROF_ALREADY_ACTIVE,
    SPPROF_NOT_ACTIVE,
    SPPROF_SHUT_DOWN,     /* start after shutdown: shutting down is one way */
    SPPROF_BAD_RATE,      /* above SPPROF_RATE_MAX */
    SPPROF_OUT_OF_MEMORY, /* the tables could not be mapped */
    SPPROF_TOO_MANY_STARTS
} spprof_status;

#define SPPROF_RATE_MAX (UINT32_C(1) << 30) /* 1 GiB */

/* Begins sampling, on the average one sample each `rate` bytes; 0 samples every allocation. `seed` not NULL: each
 * thread draws from a sequence fixed by it and by the order in which threads allocate. Accumulates over stop. */
SPPROF_API spprof_status spprof_start(uint32_t rate, const uint64_t *seed);
/* Of the starts that follow: where samples cost more than so many millionths of one core, the rate grows, up to
 * SPPROF_RATE_MAX, and comes back to that of the start when they cost less. 0: it stays. Without effect while every
 * allocation is sampled. What is sampled then depends on the clock, too, whatever the seed. */
SPPROF_API void spprof_set_budget(uint32_t share_ppm);
/* No new samples; frees are still followed. */
SPPROF_API spprof_status spprof_stop(void);
/* One way: allocations and frees pass by; what was recorded stays readable. Idempotent. */
SPPROF_API void spprof_shutdown(void);
SPPROF_API bool spprof_is_active(void);
SPPROF_API bool spprof_is_shut_down(void);

#endif
