#include "malloc_entries.h"

#include "hooks.h"
#include "originals.h"
#include "profiler.h"

#include <stdlib.h>

/* These functions do not have protected visibility; see malloc_hooks.c. */
#define ENTRY __attribute__((visibility("default")))

typedef struct entries {
    void *(*malloc)(size_t size);
    void *(*calloc)(size_t count, size_t size);
    void *(*realloc)(void *old, size_t size);
    void (*free)(void *address);
} entries;

/* Until the constructor runs, the entries lead to the hooks, each of which finds the originals. */
static entries entry_of = {
    .malloc = sp_hook_malloc, .calloc = sp_hook_calloc, .realloc = sp_hook_realloc, .free = sp_hook_free};

ENTRY void *malloc(size_t size) {
    return entry_of.malloc(size);
}

ENTRY void *calloc(size_t count, size_t size) {
    return entry_of.calloc(count, size);
}

ENTRY void *realloc(void *old, size_t size) {
    return entry_of.realloc(old, size);
}

ENTRY void free(void *address) {
    entry_of.free(address);
}

/* The entries are stored one by one: any mixture of old and new ones works. */
static void lead_to(entries to) {
    __atomic_store_n(&entry_of.malloc, to.malloc, __ATOMIC_RELAXED);
    __atomic_store_n(&entry_of.calloc, to.calloc, __ATOMIC_RELAXED);
    __atomic_store_n(&entry_of.realloc, to.realloc, __ATOMIC_RELAXED);
    __atomic_store_n(&entry_of.free, to.free, __ATOMIC_RELAXED);
}

static void wake(void) {
    lead_to((entries){
        .malloc = sp_hook_malloc, .calloc = sp_hook_calloc, .realloc = sp_hook_realloc, .free = sp_hook_free});
}

/* Runs after the originals are found, before the program has a second thread. */
__attribute__((constructor(102))) static void sleep_until_used(void) {
    lead_to((entries){.malloc = sp_originals.malloc,
                      .calloc = sp_originals.calloc,
                      .realloc = sp_originals.realloc,
                      .free = sp_originals.free});
    sp_profiler_call_when_used(wake);
}

/* ---- Their addresses ---- */

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmissing-attributes" /* more attributes in libc's headers than an alias needs */
#endif
#define ALIAS(name) static __typeof__(name) own_##name __attribute__((alias(#name)))

ALIAS(malloc);
ALIAS(calloc);
ALIAS(realloc);
ALIAS(free);

bool sp_malloc_entries_contain(uintptr_t address) {
    return address == (uintptr_t)own_malloc || address == (uintptr_t)own_calloc || address == (uintptr_t)own_realloc ||
           address == (uintptr_t)own_free;
}
