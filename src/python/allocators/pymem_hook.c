#include "pymem_hook.h"

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "spprof.h"

#include <stdlib.h>

typedef enum hook_kind { HOOK_NONE, HOOK_POOL, HOOK_DIRECT } hook_kind;

typedef struct domain {
    const PyMemAllocatorDomain id;
    hook_kind kind;
    bool counts;               /* a direct hook decides; else a lower hook does, and this one follows frees */
    size_t pool_limit;         /* the largest request that a pool keeps to itself; larger ones are the lower hook's */
    PyMemAllocatorEx original; /* set before the hooks are; they pass on the ctx they are given */
    const PyMemAllocatorEx pool_hooks, direct_hooks; /* ctx and, for pools, free are the original's */
} domain;

static domain raw_domain, mem_domain, obj_domain;

/* ---- Pool hooks ------------------------------------------------------------------------------------------------- */

/* Empty requests go down as one byte: the lower hook counts them. */
static inline bool stays_in_pool(const domain *domain, size_t size) {
    return size - 1 < domain->pool_limit;
}

/* If there are no 513 bytes, there may still be `size`. */
static __attribute__((noinline)) void *pool_malloc_slow(const domain *domain, void *ctx, size_t size) {
    if (spprof_handoff_begin(size)) {
        void *block = domain->original.malloc(ctx, SPPROF_HANDOFF_MIN);
        spprof_handoff_end();
        if (block) return block;
    }
    return domain->original.malloc(ctx, size);
}

static inline void *pool_malloc(const domain *domain, void *ctx, size_t size) {
    if (!stays_in_pool(domain, size) || spprof_passes(size)) return domain->original.malloc(ctx, size);
    return pool_malloc_slow(domain, ctx, size);
}

static __attribute__((noinline)) void *pool_calloc_slow(const domain *domain, void *ctx, size_t count, size_t size) {
    if (spprof_handoff_begin(count * size)) {
        void *block = domain->original.calloc(ctx, 1, SPPROF_HANDOFF_MIN);
        spprof_handoff_end();
        if (block) return block;
    }
    return domain->original.calloc(ctx, count, size);
}

static inline void *pool_calloc(const domain *domain, void *ctx, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || !stays_in_pool(domain, bytes) || spprof_passes(bytes))
        return domain->original.calloc(ctx, count, size);
    return pool_calloc_slow(domain, ctx, count, size);
}

/* Decided here, whoever owns the block: the lower hook is told that the realloc is already counted. */
static void *pool_realloc_already_counted(const domain *domain, void *ctx, void *old, size_t size) {
    int64_t countdown = spprof_already_counted_begin(old);
    void *block = domain->original.realloc(ctx, old, size);
    spprof_already_counted_end(countdown);
    return block;
}

static inline void *pool_realloc(const domain *domain, void *ctx, void *old, size_t size) {
    bool stopped = __atomic_load_n(&spprof_the_gate.threshold, __ATOMIC_RELAXED) == SPPROF_STOPPED;
    if (stopped || !stays_in_pool(domain, size)) return domain->original.realloc(ctx, old, size);
    if (!spprof_passes(size) && spprof_handoff_begin(size)) {
        void *block = domain->original.realloc(ctx, old, SPPROF_HANDOFF_MIN);
        spprof_handoff_end();
        if (block) return block;
    }
    return pool_realloc_already_counted(domain, ctx, old, size);
}

/* ---- Direct hooks ----------------------------------------------------------------------------------------------- */

static void direct_begin(const domain *domain, spprof_ticket *ticket, size_t size) {
    if (domain->counts)
        spprof_begin(ticket, size);
    else
        spprof_begin_uncounted(ticket, size);
}

static __attribute__((noinline)) void *direct_malloc_slow(const domain *domain, void *ctx, size_t size) {
    spprof_ticket ticket;
    direct_begin(domain, &ticket, size);
    return spprof_end(&ticket, domain->original.malloc(ctx, size));
}

static inline void *direct_malloc(const domain *domain, void *ctx, size_t size) {
    return spprof_passes(size) ? domain->original.malloc(ctx, size) : direct_malloc_slow(domain, ctx, size);
}

static __attribute__((noinline)) void *direct_calloc_slow(const domain *domain, void *ctx, size_t count, size_t size) {
    spprof_ticket ticket;
    direct_begin(domain, &ticket, count * size);
    return spprof_end(&ticket, domain->original.calloc(ctx, count, size));
}

static inline void *direct_calloc(const domain *domain, void *ctx, size_t count, size_t size) {
    size_t bytes;
    bool passes = __builtin_mul_overflow(count, size, &bytes) || spprof_passes(bytes);
    return passes ? domain->original.calloc(ctx, count, size) : direct_calloc_slow(domain, ctx, count, size);
}

static __attribute__((noinline)) void *direct_realloc_slow(const domain *domain, void *ctx, void *old, size_t size,
                                                           bool counted) {
    spprof_ticket ticket;
    spprof_begin_realloc(&ticket, old, size, counted && domain->counts);
    return spprof_end(&ticket, domain->original.realloc(ctx, old, size));
}

static inline void *direct_realloc(const domain *domain, void *ctx, void *old, size_t size) {
    bool passes = spprof_passes(size);
    if (passes && !spprof_may_be_live(old)) return domain->original.realloc(ctx, old, size);
    return direct_realloc_slow(domain, ctx, old, size, !passes);
}

static inline void direct_free(const domain *domain, void *ctx, void *block) {
    if (spprof_may_be_live(block)) spprof_forget(block);
    domain->original.free(ctx, block);
}

/* ---- One set of hooks a domain ---------------------------------------------------------------------------------- */

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
#define POOL_TABLE(domain)                                                                                             \
    {.malloc = domain##_pool_malloc, .calloc = domain##_pool_calloc, .realloc = domain##_pool_realloc}
#define DIRECT_TABLE(domain)                                                                                           \
    {.malloc = domain##_direct_malloc,                                                                                 \
     .calloc = domain##_direct_calloc,                                                                                 \
     .realloc = domain##_direct_realloc,                                                                               \
     .free = domain##_direct_free}

HOOKS(raw_domain, direct)
HOOKS(mem_domain, direct)
HOOKS(obj_domain, direct)
HOOKS(mem_domain, pool)
HOOKS(obj_domain, pool)
FREE_HOOK(raw_domain)
FREE_HOOK(mem_domain)
FREE_HOOK(obj_domain)

static domain raw_domain = {.id = PYMEM_DOMAIN_RAW, .direct_hooks = DIRECT_TABLE(raw_domain)};
static domain mem_domain = {
    .id = PYMEM_DOMAIN_MEM, .pool_hooks = POOL_TABLE(mem_domain), .direct_hooks = DIRECT_TABLE(mem_domain)};
static domain obj_domain = {
    .id = PYMEM_DOMAIN_OBJ, .pool_hooks = POOL_TABLE(obj_domain), .direct_hooks = DIRECT_TABLE(obj_domain)};

/* RAW first: it is the lower hook of the other two where nothing was preloaded. */
static domain *const domains[] = {&raw_domain, &mem_domain, &obj_domain};
#define DOMAIN_COUNT (sizeof domains / sizeof *domains)

/* ---- What a domain reaches -------------------------------------------------------------------------------------- */

static int64_t counted_once(const PyMemAllocatorEx *allocator, size_t size) {
    spprof_probe_begin();
    void *block = allocator->malloc(allocator->ctx, size);
    int64_t counted = spprof_probe_end();
    allocator->free(allocator->ctx, block);
    return counted;
}

/* The least of three: the first may also grow a pool or another tool's table. */
static int64_t counted(const PyMemAllocatorEx *allocator, size_t size) {
    int64_t least = INT64_MAX;
    for (int i = 0; i < 3; i++) {
        int64_t bytes = counted_once(allocator, size);
        if (bytes < least) least = bytes;
    }
    return least;
}

/* How many hooks of ours a request of `size` bytes reaches. Compared with one of 1 byte, since tracemalloc's own entry
 * for the block may be counted as well. */
static int64_t hooks_reached(const PyMemAllocatorEx *allocator, size_t size) {
    int64_t difference = counted(allocator, size) - counted(allocator, 1);
    return (difference + (int64_t)size / 4) / ((int64_t)size - 1);
}

/* Small enough for every pool, even under a debug layer. */
#define SMALL_PROBE 129

/* The largest request that stays in the pool, that is, reaches no hook: 512, or less under a debug layer. */
static size_t find_pool_limit(const PyMemAllocatorEx *allocator) {
    size_t stays = SMALL_PROBE, leaves = SPPROF_HANDOFF_MIN;
    while (leaves - stays > 1) {
        size_t middle = (stays + leaves) / 2;
        if (hooks_reached(allocator, middle) > 0)
            leaves = middle;
        else
            stays = middle;
    }
    return stays;
}

bool sp_pymem_hook_malloc_is_seen(void) {
    void *(*volatile plain_malloc)(size_t) = malloc; /* volatile: not to be optimised away with its free */
    spprof_probe_begin();
    void *block = plain_malloc(SMALL_PROBE);
    int64_t counted = spprof_probe_end();
    free(block);
    return counted >= SMALL_PROBE;
}

/* ---- Installing ------------------------------------------------------------------------------------------------- */

static PyMemAllocatorEx hooks_of(const domain *domain) {
    PyMemAllocatorEx hooks = domain->kind == HOOK_POOL ? domain->pool_hooks : domain->direct_hooks;
    hooks.ctx = domain->original.ctx;
    if (domain->kind == HOOK_POOL) hooks.free = domain->original.free;
    return hooks;
}

static bool equal(const PyMemAllocatorEx *one, const PyMemAllocatorEx *other) {
    return one->ctx == other->ctx && one->malloc == other->malloc && one->calloc == other->calloc &&
           one->realloc == other->realloc && one->free == other->free;
}

/* Whether the hook that was put in is still called, or is not missed. A pool's is the only hook that small requests
 * reach; a direct one stands on top of those on malloc. */
static bool is_still_reached(const domain *domain, int64_t reached, int64_t uncounting) {
    return domain->kind == HOOK_POOL ? reached > 0 : reached > uncounting;
}

static void put_in(domain *domain, const PyMemAllocatorEx *current, int64_t uncounting) {
    bool is_pool = domain->id != PYMEM_DOMAIN_RAW && hooks_reached(current, SMALL_PROBE) == 0 &&
                   hooks_reached(current, SPPROF_HANDOFF_MIN) > uncounting;
    if (is_pool) domain->pool_limit = find_pool_limit(current);
    domain->original = *current;
    domain->kind = is_pool ? HOOK_POOL : HOOK_DIRECT;
    domain->counts = true;
    PyMemAllocatorEx hooks = hooks_of(domain);
    PyMem_SetAllocator(domain->id, &hooks);
}

/* `uncounting`: how many hooks a malloc reaches that do not count. */
static void install(domain *domain, int64_t uncounting) {
    PyMemAllocatorEx current;
    PyMem_GetAllocator(domain->id, &current);
    int64_t reached = hooks_reached(&current, SMALL_PROBE);
    if (domain->kind == HOOK_NONE) {
        if (reached <= uncounting) put_in(domain, &current, uncounting);
    } else if (!is_still_reached(domain, reached, uncounting)) {
        spprof_count_drop(SPPROF_DROP_HOOK_DISPLACED);
        put_in(domain, &current, uncounting);
    } else if (domain->kind == HOOK_DIRECT) {
        domain->counts = uncounting > 0 || reached == 1; /* else a lower hook counts, too */
    }
}

static void remove_hook(domain *domain) {
    PyMemAllocatorEx current, ours = hooks_of(domain);
    PyMem_GetAllocator(domain->id, &current);
    if (!equal(&current, &ours)) return; /* somebody stands on top of it: it stays and passes through */
    PyMem_SetAllocator(domain->id, &domain->original);
    domain->kind = HOOK_NONE;
}

void sp_pymem_hook_install_with_gil(bool native_counts) {
    int64_t uncounting = !native_counts && sp_pymem_hook_malloc_is_seen() ? 1 : 0;
    for (size_t i = 0; i < DOMAIN_COUNT; i++) install(domains[i], uncounting);
}

void sp_pymem_hook_rest_with_gil(void) {
    for (size_t i = 0; i < DOMAIN_COUNT; i++)
        if (domains[i]->kind == HOOK_POOL) remove_hook(domains[i]);
}

/* Upside down: the pools' samples are recorded by the domain below. */
void sp_pymem_hook_remove_with_gil(void) {
    for (size_t i = DOMAIN_COUNT; i-- > 0;)
        if (domains[i]->kind != HOOK_NONE) remove_hook(domains[i]);
}
