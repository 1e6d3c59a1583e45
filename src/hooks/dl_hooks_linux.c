#include "dl_hooks.h"

#include "spprof.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>

void *sp_dl_original_dlopen;
void *sp_dl_original_dlmopen;
void *sp_dl_original_dlsym;
void *sp_dl_original_dlvsym;
bool (*sp_dl_find_hooked)(const char *name, sp_dl_hooked *found);
static _Atomic bool has_own_scopes; /* an object was opened with RTLD_DEEPBIND */

/* The hooks in the architecture's folder call these functions. The lookups return 0 to say "call the original". */
#define CALLED_BY_HOOK __attribute__((used, visibility("hidden")))
CALLED_BY_HOOK void sp_dl_hook_ask_for_dlopen(const char *path, int flags);
CALLED_BY_HOOK void sp_dl_hook_ask_for_dlmopen(long space, const char *path, int flags);
CALLED_BY_HOOK uintptr_t sp_dl_hook_ask_for_dlsym(void *handle, const char *name);
CALLED_BY_HOOK uintptr_t sp_dl_hook_ask_for_dlvsym(void *handle, const char *name, const char *version);

static void expect_objects(int flags) {
    if (flags & RTLD_DEEPBIND) atomic_store(&has_own_scopes, true);
    spprof_expect_objects();
}

void sp_dl_hook_ask_for_dlopen(const char *path, int flags) {
    (void)path;
    expect_objects(flags);
}

void sp_dl_hook_ask_for_dlmopen(long space, const char *path, int flags) {
    (void)space, (void)path;
    expect_objects(flags);
}

/* Look `name` up from this library; for a handle, every caller gets the same answer. A NULL `version` means any. */
static uintptr_t look_up(void *handle, const char *name, const char *version) {
    void *found = version ? ((__typeof__(dlvsym) *)sp_dl_original_dlvsym)(handle, name, version)
                          : ((__typeof__(dlsym) *)sp_dl_original_dlsym)(handle, name);
    return (uintptr_t)found;
}

static uintptr_t find_hook(void *handle, const char *name, const char *version) {
    sp_dl_hooked function;
    if (handle == RTLD_NEXT || !name || !sp_dl_find_hooked(name, &function)) return 0;
    if (handle == RTLD_DEFAULT && (!function.is_only_definition || atomic_load(&has_own_scopes))) return 0;
    spprof_pause();
    bool is_original = look_up(handle, name, version) == function.original;
    spprof_resume();
    return is_original ? function.hook : 0;
}

uintptr_t sp_dl_hook_ask_for_dlsym(void *handle, const char *name) {
    return find_hook(handle, name, NULL);
}

uintptr_t sp_dl_hook_ask_for_dlvsym(void *handle, const char *name, const char *version) {
    return version ? find_hook(handle, name, version) : 0;
}
