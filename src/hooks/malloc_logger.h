/* malloc_logger.h: allocations as macOS reports them, to one function that malloc calls through one variable.
 *
 *   malloc, calloc, memalign …:  allocate ─► logger                     ─► the caller
 *   free:                                    logger ─► free             ─► the caller
 *   realloc:                     allocate, copy, free ─► logger         ─► the caller
 *
 * So realloc is reported when the old address may already belong to another thread (late_free.h). It is also reported
 * when it failed: then the result is 0 and the old block is unchanged. A block that a zone allocated without the
 * logger, by a direct call, is not seen. It ends an older sample at its address when it is freed through malloc.
 *
 * While the logger is set, every malloc and free leaves libmalloc's fast path. So it is set only while it is needed:
 *
 *   not set ── want ──► set ── start … stop ──► nothing is live? ──► not set
 *                        └── start … stop ──► live samples: frees are still followed ── shutdown ──► not set
 *
 * All of this is plain C: the variable and the function that queries an address are arguments, so that it runs wherever
 * its tests do.
 *
 * Memory:  static.
 * Threads: the logger runs on any thread, outside malloc's locks. Install and remove under a lock of the caller's.
 * Signals: a report inside the engine passes unsampled.
 * Fork:    a child inherits the variable and goes on. If other threads were deciding on samples at the fork, the
 *          child's logger stays set until shutdown.
 * errno:   unchanged.
 */
#ifndef SP_MALLOC_LOGGER_H
#define SP_MALLOC_LOGGER_H

#include "late_free.h"

#include <stdbool.h>
#include <stdint.h>

#define SP_LOG_ALLOCATE 2u
#define SP_LOG_FREE 4u /* with SP_LOG_ALLOCATE: a realloc */
#define SP_LOG_ZONE 8u /* the first argument is a zone; without it the others come one place earlier */

/* The arguments after the zone: malloc (size), free (address), realloc (old address, size). `result`: the new
 * address. */
typedef void sp_malloc_logger(uint32_t type, uintptr_t zone, uintptr_t second, uintptr_t third, uintptr_t result,
                              uint32_t frames_to_skip);

/* Set malloc's variable to our logger, which passes each report on to the logger that was there before. Return false
 * if another logger has been put on top of ours in the meantime. Ours is then called if that one passes reports on. */
bool sp_malloc_logger_install(sp_malloc_logger **variable, sp_is_allocated *is_allocated);

/* Set the variable back to what it was before ours. Return false if another logger is on top of ours: the variable is
 * left alone, and our logger continues to pass reports on. */
bool sp_malloc_logger_remove(sp_malloc_logger **variable);

/* From now on, set and clear this variable as the profiler needs it. Called once, by a constructor. */
void sp_malloc_logger_follow(sp_malloc_logger **variable, sp_is_allocated *is_allocated);

/* Set the logger for the next start, or set it again if another tool cleared the variable. It stays at least until the
 * next stop, or until a start that fails while sampling is off. Does nothing after shutdown. */
void sp_malloc_logger_want(void);

#endif
