/* dl_hooks.h: the loader's functions, as patched objects call them.
 *
 *   dlopen, dlmopen:  tell the engine that this thread is about to load an object ──► jump to the original
 *   dlsym, dlvsym:    the name is a hooked function's, and the answer is its original ──► return the hook
 *                     └ anything else ──► jump to the original
 *
 * The loader uses its caller's return address to find the RUNPATH to search and the scope of RTLD_DEFAULT and
 * RTLD_NEXT. So these hooks restore the arguments and jump, and the caller sees the loader's own answer. They look a
 * name up themselves only where the caller does not matter or every caller would get the same answer. A hook never
 * answers RTLD_NEXT: a caller that asks for it interposes on others, as we do, and our hook might call back into it.
 *
 * RTLD_DEFAULT means the same to all callers except objects opened with RTLD_DEEPBIND, which search their own scope
 * first. So the loader alone answers RTLD_DEFAULT if another definition existed when the functions were hooked, or if
 * anything has been opened with that flag since then.
 *
 * Threads: any; the engine records the load for the calling thread alone.
 */
#ifndef SP_DL_HOOKS_H
#define SP_DL_HOOKS_H

#include <stdbool.h>
#include <stdint.h>

#define SP_DL_HIDDEN __attribute__((visibility("hidden")))

/* The functions that the hooks jump to. They are set before any slot holds a hook. */
extern SP_DL_HIDDEN void *sp_dl_original_dlopen;
extern SP_DL_HIDDEN void *sp_dl_original_dlmopen;
extern SP_DL_HIDDEN void *sp_dl_original_dlsym;
extern SP_DL_HIDDEN void *sp_dl_original_dlvsym;

SP_DL_HIDDEN void sp_hook_dlopen(void);
SP_DL_HIDDEN void sp_hook_dlmopen(void);
SP_DL_HIDDEN void sp_hook_dlsym(void);
SP_DL_HIDDEN void sp_hook_dlvsym(void);

/* The type of sp_dl_find_hooked's result. The hooks of dlsym and dlvsym call that function. It returns false if no
 * hooked function has that name. Set before any slot holds these hooks. */
typedef struct sp_dl_hooked {
    uintptr_t original, hook;
    bool is_only_definition; /* no other object defined the name when it was hooked */
} sp_dl_hooked;

extern SP_DL_HIDDEN bool (*sp_dl_find_hooked)(const char *name, sp_dl_hooked *found);

#endif
