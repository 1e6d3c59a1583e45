/* domain_hooks.c: the hooks of an interpreter's allocator domains, both for pools and for domains that we see as a
 * whole.
 *
 * An allocation that is not sampled falls through to the call of the original, which is a tail call.
 */
#include "pool.h"
#include "profiler.h"
#include "spprof.h"

#define SLOW static __attribute__((noinline, cold))

typedef struct domain {
    size_t limit;              /* the largest request that a pool serves itself */
    spprof_allocator original; /* hooks pass on the ctx they receive */
    bool only_follows;         /* direct: if false, a lower hook counts, and this one only follows frees */
} domain;

static domain raw_domain, mem_domain, obj_domain;

/* ---- Pools ---- */

/* An empty request goes down as 1 byte, which the lower hook counts. If a block of 513 bytes is unavailable, one of
 * `size` may still be available. */
SLOW void *pool_malloc_slow(const domain *domain, void *ctx, size_t size) {
    if (size != 0 && sp_handoff_begin(size)) {
        void *block = domain->original.malloc(ctx, SP_HANDOFF_MIN);
        sp_handoff_end();
        if (block) return block;
    }
    return domain->original.malloc(ctx, size);
}

static inline void *pool_malloc(const domain *domain, void *ctx, size_t size) {
    if (__builtin_expect(size <= domain->limit, 1) && !spprof_passes_small(size))
        return pool_malloc_slow(domain, ctx, size);
    return domain->original.malloc(ctx, size);
}

SLOW void *pool_calloc_slow(const domain *domain, void *ctx, size_t count, size_t size) {
    if (count * size != 0 && sp_handoff_begin(count * size)) {
        void *block = domain->original.calloc(ctx, 1, SP_HANDOFF_MIN);
        sp_handoff_end();
        if (block) return block;
    }
    return domain->original.calloc(ctx, count, size);
}

static inline void *pool_calloc(const domain *domain, void *ctx, size_t count, size_t size) {
    size_t bytes;
    bool overflows = __builtin_mul_overflow(count, size, &bytes);
    if (__builtin_expect(!overflows && bytes <= domain->limit, 1) && !spprof_passes_small(bytes))
        return pool_calloc_slow(domain, ctx, count, size);
    return domain->original.calloc(ctx, count, size);
}

SLOW void *pool_realloc_slow(const domain *domain, void *ctx, void *old, size_t size) {
    sp_already_counted_end(); /* the lower hook may see `old` as well */
    if (sp_handoff_begin(size)) {
        void *block = domain->original.realloc(ctx, old, SP_HANDOFF_MIN);
        sp_handoff_end();
        if (block) return block;
    }
    sp_already_counted_begin(old);
    return domain->original.realloc(ctx, old, size);
}

/* Counted here, whether the pool or the lower allocator owns the block. */
static inline void *pool_realloc(const domain *domain, void *ctx, void *old, size_t size) {
    if (__builtin_expect(size - 1 < domain->limit, 1)) {
        if (!spprof_passes_small(size)) return pool_realloc_slow(domain, ctx, old, size);
        sp_already_counted_begin(old);
    }
    return domain->original.realloc(ctx, old, size);
}

/* ---- Direct hooks ---- */

static void direct_begin(const domain *domain, spprof_ticket *ticket, size_t size) {
    if (domain->only_follows)
        spprof_begin_uncounted(ticket, size);
    else
        spprof_begin(ticket, size);
}

SLOW void *direct_malloc_slow(const domain *domain, void *ctx, size_t size) {
    spprof_ticket ticket;
    direct_begin(domain, &ticket, size);
    return spprof_end(&ticket, domain->original.malloc(ctx, size));
}

static inline void *direct_malloc(const domain *domain, void *ctx, size_t size) {
    return spprof_passes(size) ? domain->original.malloc(ctx, size) : direct_malloc_slow(domain, ctx, size);
}

SLOW void *direct_calloc_slow(const domain *domain, void *ctx, size_t count, size_t size) {
    spprof_ticket ticket;
    direct_begin(domain, &ticket, count * size);
    return spprof_end(&ticket, domain->original.calloc(ctx, count, size));
}

static inline void *direct_calloc(const domain *domain, void *ctx, size_t count, size_t size) {
    size_t bytes;
    bool passes = __builtin_mul_overflow(count, size, &bytes) || spprof_passes(bytes);
    return passes ? domain->original.calloc(ctx, count, size) : direct_calloc_slow(domain, ctx, count, size);
}

SLOW void *direct_realloc_slow(const domain *domain, void *ctx, void *old, size_t size, bool counted) {
    spprof_ticket ticket;
    spprof_begin_realloc(&ticket, old, size, counted && !domain->only_follows);
    return spprof_end(&ticket, domain->original.realloc(ctx, old, size));
}

/* The hook of a pool above this one has already counted this realloc. */
SLOW void *direct_realloc_already_counted(const domain *domain, void *ctx, void *old, size_t size) {
    if (!domain->only_follows) sp_already_counted_end(); /* otherwise the lower hook still needs it */
    return direct_realloc_slow(domain, ctx, old, size, false);
}

static inline void *direct_realloc(const domain *domain, void *ctx, void *old, size_t size) {
    if (sp_is_already_counted(old, size)) return direct_realloc_already_counted(domain, ctx, old, size);
    bool passes = spprof_passes(size);
    if (passes && !spprof_may_be_live(old)) return domain->original.realloc(ctx, old, size);
    return direct_realloc_slow(domain, ctx, old, size, !passes);
}

SLOW void direct_free_slow(const domain *domain, void *ctx, void *block) {
    spprof_forget(block);
    domain->original.free(ctx, block);
}

static inline void direct_free(const domain *domain, void *ctx, void *block) {
    if (spprof_may_be_live(block))
        direct_free_slow(domain, ctx, block);
    else
        domain->original.free(ctx, block);
}

/* ---- One set of hooks per domain ---- */

#define HOOKS(domain, kind)                                                                                            \
    static void *domain##_##kind##_malloc(void *ctx, size_t size) {                                                    \
        return kind##_malloc(&domain, ctx, size);                                                                      \
    }                                                                                                                  \
    static void *domain##_##kind##_calloc(void *ctx, size_t count, size_t size) {                                      \
        return kind##_calloc(&domain, ctx, count, size);                                                               \
    }                                                                                                                  \
    static void *domain##_##kind##_realloc(void *ctx, void *old, size_t size) {                                        \
        return kind##_realloc(&domain, ctx, old, size);                                                                \
    }
#define FREE_HOOK(domain)                                                                                              \
    static void domain##_direct_free(void *ctx, void *block) {                                                         \
        direct_free(&domain, ctx, block);                                                                              \
    }

HOOKS(raw_domain, direct)
HOOKS(mem_domain, direct)
HOOKS(obj_domain, direct)
HOOKS(mem_domain, pool)
HOOKS(obj_domain, pool)
FREE_HOOK(raw_domain)
FREE_HOOK(mem_domain)
FREE_HOOK(obj_domain)

#define TABLE(domain, kind)                                                                                            \
    {.malloc = domain##_##kind##_malloc, .calloc = domain##_##kind##_calloc, .realloc = domain##_##kind##_realloc}

static domain *const domains[] = {
    [SPPROF_DOMAIN_RAW] = &raw_domain, [SPPROF_DOMAIN_MEM] = &mem_domain, [SPPROF_DOMAIN_OBJ] = &obj_domain};
static const spprof_allocator pool_tables[] = {[SPPROF_DOMAIN_MEM] = TABLE(mem_domain, pool),
                                               [SPPROF_DOMAIN_OBJ] = TABLE(obj_domain, pool)};
static const spprof_allocator direct_tables[] = {[SPPROF_DOMAIN_RAW] = TABLE(raw_domain, direct),
                                                 [SPPROF_DOMAIN_MEM] = TABLE(mem_domain, direct),
                                                 [SPPROF_DOMAIN_OBJ] = TABLE(obj_domain, direct)};
static void (*const direct_frees[])(void *ctx, void *block) = {[SPPROF_DOMAIN_RAW] = raw_domain_direct_free,
                                                               [SPPROF_DOMAIN_MEM] = mem_domain_direct_free,
                                                               [SPPROF_DOMAIN_OBJ] = obj_domain_direct_free};

/* ---- The interface ---- */

spprof_allocator spprof_pool_hooks(spprof_domain id, const spprof_allocator *original, size_t limit) {
    spprof_allocator hooks = pool_tables[id];
    domains[id]->original = *original;
    domains[id]->limit = limit;
    hooks.ctx = original->ctx;
    hooks.free = original->free;
    return hooks;
}

spprof_allocator spprof_direct_hooks(spprof_domain id, const spprof_allocator *original) {
    spprof_allocator hooks = direct_tables[id];
    domains[id]->original = *original;
    domains[id]->only_follows = false;
    hooks.ctx = original->ctx;
    hooks.free = direct_frees[id];
    return hooks;
}

void spprof_direct_hooks_count(spprof_domain id, bool counts) {
    domains[id]->only_follows = !counts;
}
