/* malloc_hooks.c: the hooks of the malloc family, to which patched slots and malloc_entries.c lead. Hooks without an
 * entry are also exported under their own names, for LD_PRELOAD. Each hook calls the original and tells the engine.
 *
 * reallocarray, free_sized and free_aligned_sized call our own realloc and free: libc's versions call back into them
 * through the PLT, so the call would be counted twice. errno is as the original left it.
 */
#include "hooks.h"
#include "originals.h"
#include "pool.h"
#include "profiler.h"
#include "spprof.h"

#include <errno.h>
#include <stdlib.h>

/* These functions do not have protected visibility, unlike our other names: a program that is not
 * position-independent may take their addresses. Hooks call one another by the names in hooks.h, because the
 * exported names may be interposed. */
#define HOOK __attribute__((visibility("default")))
#define SLOW static __attribute__((noinline))

/* With native="off" the installed hooks are still called, but they only complete handoffs. */
static void begin(spprof_ticket *ticket, size_t size) {
    if (sp_profiler_counts_native())
        spprof_begin(ticket, size);
    else
        spprof_begin_uncounted(ticket, size);
}

/* ---- malloc, calloc ---- */

SLOW void *malloc_slow(size_t size) {
    spprof_ticket ticket;
    begin(&ticket, size);
    return spprof_end(&ticket, sp_originals.malloc(size));
}

void *sp_hook_malloc(size_t size) {
    return spprof_passes(size) ? sp_originals.malloc(size) : malloc_slow(size);
}

SLOW void *calloc_slow(size_t count, size_t size) {
    spprof_ticket ticket;
    begin(&ticket, count * size);
    return spprof_end(&ticket, sp_originals.calloc(count, size));
}

/* If the product overflows, the call can only fail. */
void *sp_hook_calloc(size_t count, size_t size) {
    size_t bytes;
    bool passes = __builtin_mul_overflow(count, size, &bytes) || spprof_passes(bytes);
    return passes ? sp_originals.calloc(count, size) : calloc_slow(count, size);
}

/* ---- free ---- */

/* Forget the address before freeing it: once it is freed, another thread may receive it, and we would erase that
 * thread's sample. */
SLOW void free_slow(void *address) {
    spprof_forget(address);
    sp_originals.free(address);
}

void sp_hook_free(void *address) {
    if (spprof_may_be_live(address))
        free_slow(address);
    else
        sp_originals.free(address);
}

HOOK void free_sized(void *address, size_t size) {
    (void)size;
    sp_hook_free(address);
}

HOOK void free_aligned_sized(void *address, size_t alignment, size_t size) {
    (void)alignment, (void)size;
    sp_hook_free(address);
}

/* ---- realloc ---- */

SLOW void *realloc_slow(void *old, size_t size, bool counted) {
    spprof_ticket ticket;
    spprof_begin_realloc(&ticket, old, size, counted && sp_profiler_counts_native());
    return spprof_end(&ticket, sp_originals.realloc(old, size));
}

/* A pool's hook has already counted this realloc. */
SLOW void *realloc_already_counted(void *old, size_t size) {
    sp_already_counted_end();
    return realloc_slow(old, size, false);
}

void *sp_hook_realloc(void *old, size_t size) {
    if (sp_is_already_counted(old, size)) return realloc_already_counted(old, size);
    bool passes = spprof_passes(size);
    if (passes && !spprof_may_be_live(old)) return sp_originals.realloc(old, size);
    return realloc_slow(old, size, !passes);
}

HOOK void *reallocarray(void *old, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return sp_hook_realloc(old, bytes);
}

/* ---- Aligned allocation ---- */

SLOW int posix_memalign_slow(void **result, size_t alignment, size_t size) {
    spprof_ticket ticket;
    begin(&ticket, size);
    int status = sp_originals.posix_memalign(result, alignment, size);
    spprof_end(&ticket, status == 0 ? *result : NULL);
    return status;
}

HOOK int posix_memalign(void **result, size_t alignment, size_t size) {
    return spprof_passes(size) ? sp_originals.posix_memalign(result, alignment, size)
                               : posix_memalign_slow(result, alignment, size);
}

#define ALIGNED_HOOK(name, parameters, arguments)                                                                      \
    SLOW void *name##_slow parameters {                                                                                \
        spprof_ticket ticket;                                                                                          \
        begin(&ticket, size);                                                                                          \
        return spprof_end(&ticket, sp_originals.name arguments);                                                       \
    }                                                                                                                  \
    HOOK void *name parameters {                                                                                       \
        return spprof_passes(size) ? sp_originals.name arguments : name##_slow arguments;                              \
    }

ALIGNED_HOOK(aligned_alloc, (size_t alignment, size_t size), (alignment, size))
ALIGNED_HOOK(memalign, (size_t alignment, size_t size), (alignment, size))
ALIGNED_HOOK(valloc, (size_t size), (size))
ALIGNED_HOOK(pvalloc, (size_t size), (size))

/* ---- The same under our own names ---- */

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmissing-attributes" /* more attributes in libc's headers than an alias needs */
#endif
#define ALIAS(name) __typeof__(name) sp_hook_##name __attribute__((alias(#name), visibility("hidden")))

ALIAS(reallocarray);
ALIAS(free_sized);
ALIAS(free_aligned_sized);
ALIAS(posix_memalign);
ALIAS(aligned_alloc);
ALIAS(memalign);
ALIAS(valloc);
ALIAS(pvalloc);
