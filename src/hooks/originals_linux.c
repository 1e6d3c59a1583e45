#include "originals.h"

#include "elf_object.h"

#include <stdlib.h>
#include <unistd.h>

/* glibc's own names for its allocator, for the case that looking up allocates. */
void *__libc_malloc(size_t size) __attribute__((weak));
void *__libc_calloc(size_t count, size_t size) __attribute__((weak));
void *__libc_realloc(void *old, size_t size) __attribute__((weak));
void __libc_free(void *address) __attribute__((weak));

static void find_all(void);

/* Named after what they stand in for: find_malloc finds everything, then calls what sp_originals.malloc has become. */
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
    uintptr_t found;
} definition_search;

/* In the order of the list, which for what was loaded at start is that of the global scope. */
static int find_first_definition(struct dl_phdr_info *info, size_t size, void *data) {
    (void)size;
    definition_search *search = data;
    sp_elf_object object;
    if (!sp_elf_object_read(info, &object) || sp_elf_object_is_apart(&object)) return 0;
    search->found = sp_elf_object_find_function(&object, search->name);
    return search->found != 0;
}

uintptr_t sp_originals_find(const char *name) {
    definition_search search = {.name = name};
    dl_iterate_phdr(find_first_definition, &search);
    return search.found;
}

/* Without an original no call can be answered; every libc on which this library loads has all of them. */
static uintptr_t find(const char *name) {
    uintptr_t original = sp_originals_find(name);
    if (original) return original;
    static const char message[] = "spprof: this libc lacks a function of the malloc family\n";
    ssize_t written = write(STDERR_FILENO, message, sizeof message - 1);
    (void)written;
    _exit(127);
}

/* Should looking up allocate, those calls go to libc directly. */
static void answer_with_libc(sp_originals_table *table) {
    if (!__libc_malloc || !__libc_calloc || !__libc_realloc || !__libc_free) return;
    table->malloc = __libc_malloc;
    table->calloc = __libc_calloc;
    table->realloc = __libc_realloc;
    table->free = __libc_free;
}

static void find_all(void) {
    answer_with_libc(&sp_originals);
    sp_originals_table found;
#define ORIGINAL(result, name, parameters, arguments) found.name = (result(*) parameters)find(#name);
    SP_ORIGINALS(ORIGINAL)
#undef ORIGINAL
    found.free = (void (*)(void *))find("free");
    sp_originals = found;
}

/* Before the program has a second thread. */
__attribute__((constructor(101))) static void find_early(void) {
    find_all();
}
