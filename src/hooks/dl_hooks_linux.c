#include "dl_hooks.h"

#include "spprof.h"

#include <dlfcn.h>
#include <stddef.h>

void *sp_dl_original_dlopen;
void *sp_dl_original_dlmopen;
void *sp_dl_original_dlsym;
void *sp_dl_original_dlvsym;
sp_dl_hooked_functions sp_dl_hooked;

/* Called by the hooks, which the architecture's folder holds. The lookups return 0 for "ask the original". */
#define CALLED_BY_HOOK __attribute__((used, visibility("hidden")))
CALLED_BY_HOOK void sp_dl_hook_expect(void);
CALLED_BY_HOOK uintptr_t sp_dl_hook_find_for_dlsym(void *handle, const char *name);
CALLED_BY_HOOK uintptr_t sp_dl_hook_find_for_dlvsym(void *handle, const char *name, const char *version);

void sp_dl_hook_expect(void) {
    spprof_expect_objects();
}

/* `version` NULL: any. As this library's lookup, which for a handle is everybody's. */
static uintptr_t look_up(void *handle, const char *name, const char *version) {
    void *found = version ? ((__typeof__(dlvsym) *)sp_dl_original_dlvsym)(handle, name, version)
                          : ((__typeof__(dlsym) *)sp_dl_original_dlsym)(handle, name);
    return (uintptr_t)found;
}

/* With RTLD_DEFAULT a library opened with RTLD_DEEPBIND may get another answer than we do. */
static uintptr_t find_hook(void *handle, const char *name, const char *version) {
    uintptr_t original, hook;
    if (handle == RTLD_NEXT || !name || !sp_dl_hooked.find(name, &original, &hook)) return 0;
    spprof_pause();
    bool is_same_for_all = handle != RTLD_DEFAULT || sp_dl_hooked.is_only_definition(name, original);
    bool is_original = is_same_for_all && look_up(handle, name, version) == original;
    spprof_resume();
    return is_original ? hook : 0;
}

uintptr_t sp_dl_hook_find_for_dlsym(void *handle, const char *name) {
    return find_hook(handle, name, NULL);
}

uintptr_t sp_dl_hook_find_for_dlvsym(void *handle, const char *name, const char *version) {
    return version ? find_hook(handle, name, version) : 0;
}
