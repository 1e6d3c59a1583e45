#include "originals.h"

#include "elf_object.h"
#include "mapping_calls.h"
#include "other_malloc.h"
#include "spprof.h"

#include <stdlib.h>
#include <unistd.h>

/* glibc's own names for its allocator, used if the lookup itself allocates. */
void *__libc_malloc(size_t size) __attribute__((weak));
void *__libc_calloc(size_t count, size_t size) __attribute__((weak));
void *__libc_realloc(void *old, size_t size) __attribute__((weak));
void __libc_free(void *address) __attribute__((weak));

static void find_all(void);

/* Each finder is named after the function that it replaces: find_malloc finds all originals, then calls the new
 * sp_originals.malloc. */
#define ORIGINAL(result, name, parameters, arguments)                                                                  \
    static result find_##name parameters {                                                                             \
        find_all();                                                                                                    \
        return sp_originals.name arguments;                                                                            \
    }
SP_ORIGINALS(ORIGINAL)
#undef ORIGINAL

static void find_free(void *address) {
    find_all();
    sp_originals.free(address);
}

sp_originals_table sp_originals = {
#define ORIGINAL(result, name, parameters, arguments) .name = find_##name,
    SP_ORIGINALS(ORIGINAL)
#undef ORIGINAL
        .free = find_free,
};

/* ---- Looking up ---- */

typedef struct definition_search {
    const char *name;
    uintptr_t first; /* first definition in any object */
    uintptr_t next;  /* first definition behind us */
    bool is_behind_us, is_behind_libc;
    bool came_late; /* libc was loaded before this library */
} definition_search;

/* Objects come in list order. For objects loaded at startup, that is the order of the global scope. */
static int look_for_definitions(struct dl_phdr_info *info, size_t size, void *data) {
    (void)size;
    definition_search *search = data;
    sp_elf_object object;
    if (!sp_elf_object_read(info, &object)) return 0;
    if (sp_elf_object_is_ours(&object)) {
        search->is_behind_us = true;
        search->came_late = search->is_behind_libc;
    }
    search->is_behind_libc |= sp_elf_object_is_libc(&object);
    if (sp_elf_object_is_apart(&object)) return 0;
    uintptr_t found = sp_elf_object_find_function(&object, search->name);
    if (found && !search->first) search->first = found;
    if (found && search->is_behind_us && !search->next) search->next = found;
    return search->next != 0;
}

static definition_search search_for(const char *name) {
    definition_search search = {.name = name};
    dl_iterate_phdr(look_for_definitions, &search);
    if (search.came_late || !search.next) search.next = search.first;
    return search;
}

static bool callers_are_patched; /* written by the owner of `in_loader`, before any slot holds a hook */

uintptr_t sp_originals_find(const char *name) {
    definition_search search = search_for(name);
    return callers_are_patched ? search.first : search.next;
}

/* Find an original that is required, because calls of it must be answered. Every libc that can load this library has
 * all of them. */
static uintptr_t find(const char *name) {
    uintptr_t original = sp_originals_find(name);
    if (original) return original;
    static const char message[] = "spprof: this libc lacks a function of the malloc family\n";
    ssize_t written = write(STDERR_FILENO, message, sizeof message - 1);
    (void)written;
    _exit(127);
}

/* Use libc directly for allocations made by the lookup itself. */
static void answer_with_libc(sp_originals_table *table) {
    if (!__libc_malloc || !__libc_calloc || !__libc_realloc || !__libc_free) return;
    table->malloc = __libc_malloc;
    table->calloc = __libc_calloc;
    table->realloc = __libc_realloc;
    table->free = __libc_free;
}

/* Leave out the memory that the allocator maps: it is already counted as the blocks that the allocator makes of it.
 * libc's own calls reach no hook, so libc is not left out: a call that seems to come from libc is the tail call of a
 * function that libc called. Other functions of the allocator's object are looked up here as well. */
static int learn_allocator(struct dl_phdr_info *info, size_t size, void *data) {
    (void)size, (void)data;
    sp_elf_object object;
    bool found = sp_elf_object_read(info, &object) && sp_elf_object_contains(&object, (uintptr_t)sp_originals.malloc);
    if (found) sp_other_malloc_learn(&object);
    if (found && !sp_elf_object_is_libc(&object)) sp_map_calls_leave_out(object.start, object.end);
    return found;
}

static void find_all(void) {
    answer_with_libc(&sp_originals);
    sp_originals_table found;
#define ORIGINAL(result, name, parameters, arguments) found.name = (result(*) parameters)find(#name);
    SP_ORIGINALS(ORIGINAL)
#undef ORIGINAL
    found.free = (void (*)(void *))find("free");
    sp_originals = found;
    dl_iterate_phdr(learn_allocator, NULL);
}

/* Runs before the program has a second thread. */
__attribute__((constructor(101))) static void find_early(void) {
    find_all();
}

/* ---- An allocator loaded before us ---- */

/* Ask the first allocator for a block, and return whether the request reached our hook. */
static bool leads_to_us(uintptr_t first_malloc, uintptr_t first_free) {
    enum { PROBE = 64 };
    spprof_probe_begin();
    void *block = ((void *(*)(size_t))first_malloc)(PROBE);
    bool seen = spprof_probe_end() >= PROBE;
    ((void (*)(void *))first_free)(block);
    return seen;
}

bool sp_originals_patch_callers(void) {
    definition_search malloc_search = search_for("malloc"), free_search = search_for("free");
    if (callers_are_patched || malloc_search.first == malloc_search.next) return true;
    if (leads_to_us(malloc_search.first, free_search.first)) return false;
    callers_are_patched = true;
    find_all();
    return true;
}
