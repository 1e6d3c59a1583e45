/* other_malloc_linux.c: what a malloc that is not libc's tells of itself. Its functions are those that its makers
 * document, looked up in the object that its malloc is in, which is never unloaded. */
#include "elf_object.h"
#include "originals.h"
#include "other_malloc.h"
#include "spprof.h"

#include <errno.h>
#include <string.h>

typedef struct lookup {
    uintptr_t allocator; /* an address in its object */
    const char *name;
    uintptr_t found;
} lookup;

static int look_in_object(struct dl_phdr_info *info, size_t size, void *data) {
    (void)size;
    lookup *lookup = data;
    sp_elf_object object;
    if (!sp_elf_object_read(info, &object) || !sp_elf_object_contains(&object, lookup->allocator)) return 0;
    if (!sp_elf_object_is_libc(&object)) lookup->found = sp_elf_object_find_function(&object, lookup->name);
    return 1;
}

static uintptr_t find(const char *name) {
    lookup lookup = {.allocator = sp_originals_find("malloc"), .name = name};
    dl_iterate_phdr(look_in_object, &lookup);
    return lookup.found;
}

/* ---- jemalloc ---- */

typedef int mallctl(const char *name, void *old, size_t *old_size, void *new, size_t new_size);

static bool read_size(mallctl *ask, const char *name, uint64_t *value) {
    size_t size = sizeof(size_t), read = 0;
    bool is_read = ask(name, &read, &size, NULL, 0) == 0 && size == sizeof read;
    if (is_read) *value = read;
    return is_read;
}

/* Its numbers are of the last epoch. What is resident and not allocated is free: pages that were used before, and room
 * between blocks. */
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
    size_t used = 0, heap = 0, unmapped = 0;
    if (!ask("generic.current_allocated_bytes", &used) || !ask("generic.heap_size", &heap) ||
        !ask("tcmalloc.pageheap_unmapped_bytes", &unmapped))
        return false;
    said->used = used;
    said->free_bytes = heap > used + unmapped ? heap - used - unmapped : 0;
    return true;
}

/* ---- The contract ---- */

bool spprof_ask_malloc(spprof_malloc_said *said) {
    int saved_errno = errno;
    uintptr_t jemalloc = find("mallctl"), tcmalloc = find("MallocExtension_GetNumericProperty");
    *said = (spprof_malloc_said){.kind = SPPROF_MALLOC_UNKNOWN};
    if (jemalloc && ask_jemalloc((mallctl *)jemalloc, said))
        said->kind = SPPROF_MALLOC_JEMALLOC;
    else if (tcmalloc && ask_tcmalloc((numeric_property *)tcmalloc, said))
        said->kind = SPPROF_MALLOC_TCMALLOC;
    else if (find("mi_version"))
        said->kind = SPPROF_MALLOC_MIMALLOC;
    errno = saved_errno;
    return said->kind != SPPROF_MALLOC_UNKNOWN;
}

#define ALL_ARENAS "arena.4096.purge" /* MALLCTL_ARENAS_ALL */

void sp_trim_other_malloc(void) {
    int saved_errno = errno;
    uintptr_t jemalloc = find("mallctl"), tcmalloc = find("MallocExtension_ReleaseFreeMemory");
    uintptr_t mimalloc = find("mi_collect");
    if (jemalloc) ((mallctl *)jemalloc)(ALL_ARENAS, NULL, NULL, NULL, 0);
    if (tcmalloc) ((void (*)(void))tcmalloc)();
    if (mimalloc) ((void (*)(bool))mimalloc)(true);
    errno = saved_errno;
}
