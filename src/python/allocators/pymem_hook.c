#include "pymem_hook.h"

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "spprof.h"

#include <stdlib.h>

typedef enum hook_kind { HOOK_NONE, HOOK_POOL, HOOK_DIRECT } hook_kind;

typedef struct domain {
    const PyMemAllocatorDomain id;
    const spprof_domain engine_id;
    hook_kind kind;
    PyMemAllocatorEx original, hooks; /* set before the hooks are installed */
} domain;

static domain raw_domain = {.id = PYMEM_DOMAIN_RAW, .engine_id = SPPROF_DOMAIN_RAW};
static domain mem_domain = {.id = PYMEM_DOMAIN_MEM, .engine_id = SPPROF_DOMAIN_MEM};
static domain obj_domain = {.id = PYMEM_DOMAIN_OBJ, .engine_id = SPPROF_DOMAIN_OBJ};

/* RAW comes first: unless a library was preloaded, it is the lower hook of the other two. */
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

/* Return the minimum of three counts: the first allocation may also grow a pool or another tool's table. */
static int64_t counted(const PyMemAllocatorEx *allocator, size_t size) {
    int64_t least = INT64_MAX;
    for (int i = 0; i < 3; i++) {
        int64_t bytes = counted_once(allocator, size);
        if (bytes < least) least = bytes;
    }
    return least;
}

/* Return how many of our hooks a request of `size` bytes reaches. The request is compared with one of 1 byte,
 * because tracemalloc's own entry for the block may be counted as well. */
static int64_t hooks_reached(const PyMemAllocatorEx *allocator, size_t size) {
    int64_t difference = counted(allocator, size) - counted(allocator, 1);
    return (difference + (int64_t)size / 4) / ((int64_t)size - 1);
}

/* SMALL_PROBE fits in every pool, even under a debug layer; LARGE_PROBE is the smallest size that no pool keeps. */
#define SMALL_PROBE 129
#define LARGE_PROBE 513

/* Return the largest request that stays in the pool, that is, reaches no hook: 512, or less under a debug layer. */
static size_t find_pool_limit(const PyMemAllocatorEx *allocator) {
    size_t stays = SMALL_PROBE, leaves = LARGE_PROBE;
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
    void *(*volatile plain_malloc)(size_t) = malloc; /* volatile: keeps the compiler from removing malloc and free */
    spprof_probe_begin();
    void *block = plain_malloc(SMALL_PROBE);
    int64_t counted = spprof_probe_end();
    free(block);
    return counted >= SMALL_PROBE;
}

/* ---- Installing ------------------------------------------------------------------------------------------------- */

static spprof_allocator to_engine(const PyMemAllocatorEx *allocator) {
    return (spprof_allocator){.ctx = allocator->ctx,
                              .malloc = allocator->malloc,
                              .calloc = allocator->calloc,
                              .realloc = allocator->realloc,
                              .free = allocator->free};
}

static PyMemAllocatorEx from_engine(spprof_allocator allocator) {
    return (PyMemAllocatorEx){.ctx = allocator.ctx,
                              .malloc = allocator.malloc,
                              .calloc = allocator.calloc,
                              .realloc = allocator.realloc,
                              .free = allocator.free};
}

static bool equal(const PyMemAllocatorEx *one, const PyMemAllocatorEx *other) {
    return one->ctx == other->ctx && one->malloc == other->malloc && one->calloc == other->calloc &&
           one->realloc == other->realloc && one->free == other->free;
}

/* Return whether the installed hook is still called, or is not needed. A pool's hook is the only one that small
 * requests reach; a direct hook sits on top of the hooks on malloc. */
static bool is_still_reached(const domain *domain, int64_t reached, int64_t uncounting) {
    return domain->kind == HOOK_POOL ? reached > 0 : reached > uncounting;
}

/* An allocator that does not use malloc maps its memory itself. All of its blocks are counted here, so its mappings
 * are left out. */
static void put_in(domain *domain, const PyMemAllocatorEx *current, int64_t uncounting, bool native) {
    bool is_pool = domain->id != PYMEM_DOMAIN_RAW && hooks_reached(current, SMALL_PROBE) == 0 &&
                   hooks_reached(current, LARGE_PROBE) > uncounting;
    spprof_allocator original = to_engine(current);
    size_t limit = is_pool ? find_pool_limit(current) : 0;
    if (native && !is_pool && hooks_reached(current, LARGE_PROBE) == 0)
        spprof_leave_out_mappings_of((const void *)(uintptr_t)current->malloc);
    domain->original = *current;
    domain->kind = is_pool ? HOOK_POOL : HOOK_DIRECT;
    domain->hooks = from_engine(is_pool ? spprof_pool_hooks(domain->engine_id, &original, limit)
                                        : spprof_direct_hooks(domain->engine_id, &original));
    PyMem_SetAllocator(domain->id, &domain->hooks);
}

/* `uncounting`: how many hooks that do not count a call of malloc reaches. `native`: whether the hooks on malloc
 * count. */
static void install(domain *domain, int64_t uncounting, bool native) {
    PyMemAllocatorEx current;
    PyMem_GetAllocator(domain->id, &current);
    int64_t reached = hooks_reached(&current, SMALL_PROBE);
    if (domain->kind == HOOK_NONE) {
        if (reached <= uncounting) put_in(domain, &current, uncounting, native);
    } else if (!is_still_reached(domain, reached, uncounting)) {
        spprof_count_drop(SPPROF_DROP_HOOK_DISPLACED);
        put_in(domain, &current, uncounting, native);
    } else if (domain->kind == HOOK_DIRECT) {
        spprof_direct_hooks_count(domain->engine_id,
                                  uncounting > 0 || reached == 1); /* if false, a lower hook counts as well */
    }
}

static void remove_hook(domain *domain) {
    PyMemAllocatorEx current;
    PyMem_GetAllocator(domain->id, &current);
    if (!equal(&current, &domain->hooks)) return; /* another hook is on top: ours stays and passes calls through */
    PyMem_SetAllocator(domain->id, &domain->original);
    domain->kind = HOOK_NONE;
}

void sp_pymem_hook_install_with_gil(bool native_counts) {
    int64_t uncounting = !native_counts && sp_pymem_hook_malloc_is_seen() ? 1 : 0;
    for (size_t i = 0; i < DOMAIN_COUNT; i++) install(domains[i], uncounting, native_counts);
}

void sp_pymem_hook_rest_with_gil(void) {
    for (size_t i = 0; i < DOMAIN_COUNT; i++)
        if (domains[i]->kind == HOOK_POOL) remove_hook(domains[i]);
}

/* The hooks are removed in reverse order, because the domain below records the pools' samples. */
void sp_pymem_hook_remove_with_gil(void) {
    for (size_t i = DOMAIN_COUNT; i-- > 0;)
        if (domains[i]->kind != HOOK_NONE) remove_hook(domains[i]);
}
