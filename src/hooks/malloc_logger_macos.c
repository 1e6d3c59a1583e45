/* malloc_logger_macos.c: libmalloc's variable, and what the hooks' contract (spprof/hooks.h) means with it. Nothing is
 * patched: every call of the malloc family is reported, however the caller found the function.
 */
#include "capture.h"
#include "fork.h"
#include "malloc_logger.h"
#include "spprof.h"

#include <errno.h>
#include <malloc/malloc.h>
#include <stdlib.h>

/* Private, but exported since Mac OS X 10.4. Weak: without it, the library still loads. */
extern sp_malloc_logger *malloc_logger __attribute__((weak_import));

/* A zone says 0 for a block that it does not own or that is free. It reads its own tables, and memory that it keeps
 * mapped, so any address may be asked about. The lock that it may take is never held while it reports. */
static bool is_in_use(const void *address) {
    return malloc_size(address) != 0;
}

/* In a child, libSystem calls malloc before any handler. The engine is not repaired yet (lifecycle.c), and its locks
 * may be held by threads that are gone. So the forking thread is kept out of the engine meanwhile. A child's handlers
 * run in the order in which they were set, and a constructor comes before the engine's first use. */
static void watch_forks(void) {
    sp_fork_call(spprof_pause, spprof_resume, spprof_resume);
}

/* Frames of the object around malloc_get_zone_name are left out: no tool replaces that function, as some replace
 * malloc. */
__attribute__((constructor)) static void follow_the_profiler(void) {
    if (!&malloc_logger) return;
    watch_forks();
    sp_malloc_logger_follow(&malloc_logger, is_in_use);
    sp_capture_leave_out_allocator((uintptr_t)&malloc_get_zone_name);
}

#define PROBE 129 /* bytes */

/* Find out whether malloc's calls reach our logger. Below another tool's logger they may not. */
static bool is_reached(void) {
    void *(*volatile plain_malloc)(size_t) = malloc; /* volatile: keeps the compiler from removing malloc and free */
    spprof_probe_begin();
    void *block = plain_malloc(PROBE);
    int64_t counted = spprof_probe_end();
    free(block);
    return counted >= PROBE;
}

size_t spprof_patch(void) {
    static _Atomic bool was_reached;
    int saved_errno = errno;
    sp_malloc_logger_want();
    bool now = is_reached();
    if (atomic_exchange(&was_reached, now) && !now) spprof_count_drop(SPPROF_DROP_HOOK_DISPLACED);
    errno = saved_errno;
    return now;
}

void spprof_follow_lookups(void) {
    sp_malloc_logger_want();
}

size_t spprof_uncovered(const char **names, size_t capacity) {
    (void)names, (void)capacity;
    return 0;
}
