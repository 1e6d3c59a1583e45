/* domains.h: hooks for an interpreter's allocator domains. Each domain has four functions that share a context.
 *
 *   pool:    a small request ─► counted here ─► the original     a sample requests 513 bytes, which the pool
 *            a larger one ────► the original                     passes to a lower hook; its free goes there, too
 *   direct:  every request and every free, like malloc itself
 *
 * The hooks are part of the engine because they run on each allocation. Here they reach the gate and each other
 * directly, without the tables through which one object finds another's symbols.
 *
 * Memory:  static, for one interpreter library per process.
 * Threads: the caller of the functions below ensures that no other thread calls them; the hooks serve any thread.
 */
#ifndef SPPROF_DOMAINS_H
#define SPPROF_DOMAINS_H

#include "spprof/api.h"

#include <stdbool.h>
#include <stddef.h>

/* The domains of CPython. MEM and OBJ are its pools. */
typedef enum spprof_domain { SPPROF_DOMAIN_RAW, SPPROF_DOMAIN_MEM, SPPROF_DOMAIN_OBJ } spprof_domain;

/* This struct has the layout of PyMemAllocatorEx. */
typedef struct spprof_allocator {
    void *ctx;
    void *(*malloc)(void *ctx, size_t size);
    void *(*calloc)(void *ctx, size_t count, size_t size);
    void *(*realloc)(void *ctx, void *old, size_t size);
    void (*free)(void *ctx, void *block);
} spprof_allocator;

/* Return the hooks that count requests of up to `limit` bytes (at most 512), those that `original` serves itself.
 * The hooks keep its free and its context. The original that these hooks have called until now is no longer called. */
SPPROF_API spprof_allocator spprof_pool_hooks(spprof_domain domain, const spprof_allocator *original, size_t limit);

/* Return the hooks that count every request and follow every free. */
SPPROF_API spprof_allocator spprof_direct_hooks(spprof_domain domain, const spprof_allocator *original);

/* Set whether a domain's direct hooks count allocations (the default), or only follow frees because a lower hook
 * counts. */
SPPROF_API void spprof_direct_hooks_count(spprof_domain domain, bool counts);

#endif
