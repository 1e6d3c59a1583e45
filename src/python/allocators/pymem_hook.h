/* pymem_hook.h: the hooks of Python's three allocator domains, RAW, MEM and OBJ.
 *
 *   domain is …                                           hooked as   free
 *   seen whole by a lower hook (preload)                  nothing     the lower hook
 *   a pool that hands 513 bytes and more down (pymalloc)  pool        untouched: a sample is asked for as 513 bytes,
 *                                                                     which live and die below, at malloc level
 *   anything else (RAW itself, mimalloc, plain malloc)    direct      looked up in the filter
 *
 * Which of them holds is asked by trying, at every start: no version or setting of Python is assumed. With native="off"
 * the hooks on malloc may be there (preloaded, or patched by an earlier start) but do not count; with them counting, a
 * direct hook of an earlier start only follows frees.
 *
 * Other tools hook the same domains. Ours keep the original's ctx, so a half-written allocator struct is still valid; a
 * hook that was displaced is found by trying (at start and snapshot) and put in anew; ours are taken out only where
 * nobody stands on top of them, else they stay and pass through.
 *
 * Threads: every function here needs the main interpreter's GIL. The hooks serve every interpreter, also those with
 *          their own GIL, and take none.
 */
#ifndef SP_PYMEM_HOOK_H
#define SP_PYMEM_HOOK_H

#include <stdbool.h>

/* Puts hooks in where they are needed and missing. `native_counts`: whether hooks on malloc, where there are any,
 * count. */
void sp_pymem_hook_install_with_gil(bool native_counts);

/* Takes out the hooks that frees do not need. */
void sp_pymem_hook_rest_with_gil(void);

/* Takes out all of them. */
void sp_pymem_hook_remove_with_gil(void);

/* Whether malloc itself, as this extension calls it, reaches a hook of ours. */
bool sp_pymem_hook_malloc_is_seen(void);

#endif
