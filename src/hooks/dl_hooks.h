/* dl_hooks.h: the loader's functions, as patched objects call them.
 *
 *   dlopen, dlmopen:  tell the engine that this thread is about to load something ──► jump to the original
 *   dlsym, dlvsym:    a hooked function's name, and the answer is its original? ──► return the hook
 *                     └ anything else ──► jump to the original
 *
 * The loader looks at its caller's return address: for the RUNPATH that it searches, for the scope of RTLD_DEFAULT and
 * RTLD_NEXT. So these put the arguments back and jump, and what the caller sees is the loader's own answer. Only where
 * no caller matters, or each would get the same, is a lookup tried before. RTLD_NEXT is never answered by a hook: who
 * asks for it is in front of others, as we are, and the hook might lead back to them.
 *
 * RTLD_DEFAULT means the same to all callers but those that RTLD_DEEPBIND opened: they look among their own objects
 * first. So only the loader answers it if another definition was there when the functions were hooked, or anything was
 * opened with that flag since.
 *
 * Threads: any; what the engine is told is about the calling thread alone.
 */
#ifndef SP_DL_HOOKS_H
#define SP_DL_HOOKS_H

#include <stdbool.h>
#include <stdint.h>

#define SP_DL_HIDDEN __attribute__((visibility("hidden")))

/* Where the hooks jump to. Set before any slot holds one. */
extern SP_DL_HIDDEN void *sp_dl_original_dlopen;
extern SP_DL_HIDDEN void *sp_dl_original_dlmopen;
extern SP_DL_HIDDEN void *sp_dl_original_dlsym;
extern SP_DL_HIDDEN void *sp_dl_original_dlvsym;

SP_DL_HIDDEN void sp_hook_dlopen(void);
SP_DL_HIDDEN void sp_hook_dlmopen(void);
SP_DL_HIDDEN void sp_hook_dlsym(void);
SP_DL_HIDDEN void sp_hook_dlvsym(void);

/* What the last two ask: a function that is hooked. False: none of that name. Set before any slot holds them. */
typedef struct sp_dl_hooked {
    uintptr_t original, hook;
    bool is_only_definition; /* of its name, when it was hooked */
} sp_dl_hooked;

extern SP_DL_HIDDEN bool (*sp_dl_find_hooked)(const char *name, sp_dl_hooked *found);

#endif
