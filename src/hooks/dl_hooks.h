/* dl_hooks.h: dlopen and dlmopen as patched objects call them.
 *
 * The loader looks at its caller's return address to choose the RUNPATH it searches, so these do not call: they tell
 * the engine that the calling thread is about to load something, put the arguments back and jump.
 *
 * Threads: any; what the engine is told is about the calling thread alone.
 */
#ifndef SP_DL_HOOKS_H
#define SP_DL_HOOKS_H

/* Where the hooks jump to. Set before any slot holds one. */
extern void *sp_dl_original_dlopen __attribute__((visibility("hidden")));
extern void *sp_dl_original_dlmopen __attribute__((visibility("hidden")));

void sp_hook_dlopen(void) __attribute__((visibility("hidden")));
void sp_hook_dlmopen(void) __attribute__((visibility("hidden")));

#endif
