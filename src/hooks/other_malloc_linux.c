/* other_malloc_linux.c: statistics of a malloc that is not libc's. They come from functions that its authors document,
 * in the object that defines the malloc.
 */
#include "other_malloc.h"

#include "elf_object.h"
#include "spprof.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

typedef enum function {
    MALLCTL,
    GET_NUMBER,
    RELEASE,
    MIMALLOC_VERSION,
    MIMALLOC_COLLECT,
    FUNCTIONS,
} function;

static const char *const names[FUNCTIONS] = {
    [MALLCTL] = "mallctl",
    [GET_NUMBER] = "MallocExtension_GetNumericProperty",
    [RELEASE] = "MallocExtension_ReleaseFreeMemory",
    [MIMALLOC_VERSION] = "mi_version",
    [MIMALLOC_COLLECT] = "mi_collect",
};

/* Written when the originals are found, and again with the same values when callers are patched, so the memory order
 * does not matter. */
static _Atomic uintptr_t functions[FUNCTIONS];
static _Atomic bool is_glibc;

void sp_other_malloc_learn(const sp_elf_object *object) {
    bool is_libc = sp_elf_object_is_libc(object);
    bool is_debugging = strcmp(object->soname, "libc_malloc_debug.so.0") == 0; /* glibc's malloc, with checks */
    atomic_store(&is_glibc, is_debugging || strcmp(object->soname, "libc.so.6") == 0);
    for (int i = 0; i < FUNCTIONS; i++)
        atomic_store(&functions[i], is_libc ? 0 : sp_elf_object_find_function(object, names[i]));
}

static uintptr_t find(function which) {
    return atomic_load(&functions[which]);
}

bool spprof_malloc_is_glibc(void) {
    return atomic_load(&is_glibc);
}

/* ---- jemalloc ---- */

typedef int mallctl(const char *name, void *old, size_t *old_size, void *new, size_t new_size);

static bool read_size(mallctl *ask, const char *name, uint64_t *value) {
    size_t size = sizeof(size_t), read = 0;
    bool is_read = ask(name, &read, &size, NULL, 0) == 0 && size == sizeof read;
    if (is_read) *value = read;
    return is_read;
}

/* jemalloc's numbers are those of the last epoch. Memory that is resident but not allocated is free: pages that were
 * used before, and gaps between blocks. */
static bool ask_jemalloc(mallctl *ask, spprof_malloc_said *said) {
    uint64_t epoch = 1, metadata, resident;
    size_t size = sizeof epoch;
    if (ask("epoch", &epoch, &size, &epoch, size) != 0) return false;
    if (!read_size(ask, "stats.allocated", &said->used) || !read_size(ask, "stats.metadata", &metadata) ||
        !read_size(ask, "stats.resident", &resident))
        return false;
    said->own = metadata;
    said->free_bytes = resident > said->used + metadata ? resident - said->used - metadata : 0;
    return true;
}

/* ---- tcmalloc (gperftools) ---- */

typedef int numeric_property(const char *name, size_t *value);

static bool ask_tcmalloc(numeric_property *ask, spprof_malloc_said *said) {
    size_t used = 0, heap = 0, unmapped = 0, physical = 0; /* `physical` includes the allocator's metadata */
    if (!ask("generic.current_allocated_bytes", &used) || !ask("generic.heap_size", &heap) ||
        !ask("tcmalloc.pageheap_unmapped_bytes", &unmapped))
        return false;
    bool tells_own = ask("generic.total_physical_bytes", &physical) && physical + unmapped > heap;
    said->own = tells_own ? physical + unmapped - heap : 0;
    said->used = used;
    said->free_bytes = heap > used + unmapped ? heap - used - unmapped : 0;
    return true;
}

/* ---- The interface ---- */

bool spprof_ask_malloc(spprof_malloc_said *said) {
    int saved_errno = errno;
    uintptr_t jemalloc = find(MALLCTL), tcmalloc = find(GET_NUMBER);
    *said = (spprof_malloc_said){.kind = SPPROF_MALLOC_UNKNOWN};
    if (jemalloc && ask_jemalloc((mallctl *)jemalloc, said))
        said->kind = SPPROF_MALLOC_JEMALLOC;
    else if (tcmalloc && ask_tcmalloc((numeric_property *)tcmalloc, said))
        said->kind = SPPROF_MALLOC_TCMALLOC;
    else if (find(MIMALLOC_VERSION))
        said->kind = SPPROF_MALLOC_MIMALLOC;
    errno = saved_errno;
    return said->kind != SPPROF_MALLOC_UNKNOWN;
}

#define ALL_ARENAS "arena.4096.purge" /* MALLCTL_ARENAS_ALL */

void sp_trim_other_malloc(void) {
    int saved_errno = errno;
    uintptr_t jemalloc = find(MALLCTL), tcmalloc = find(RELEASE);
    uintptr_t mimalloc = find(MIMALLOC_COLLECT);
    if (jemalloc) ((mallctl *)jemalloc)(ALL_ARENAS, NULL, NULL, NULL, 0);
    if (tcmalloc) ((void (*)(void))tcmalloc)();
    if (mimalloc) ((void (*)(bool))mimalloc)(true);
    errno = saved_errno;
}
