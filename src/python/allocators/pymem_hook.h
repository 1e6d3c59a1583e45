/* pymem_hook.h: the hooks of Python's three allocator domains, RAW, MEM and OBJ.
 *
 *   domain is …                                           hooked as   free
 *   seen as a whole by a lower hook (preload)             nothing     the lower hook
 *   a pool that passes on 513 bytes and more (pymalloc)   pool        untouched: a sample is requested as 513 bytes,
 *                                                                     which are allocated and freed below, by malloc
 *   anything else (RAW itself, mimalloc, plain malloc)    direct      looked up in the filter
 *
 * Every start finds out by experiment which of these holds; it assumes no version or setting of Python. With
 * native="off", hooks on malloc may exist (preloaded, or patched by an earlier start) but do not count. When they do
 * count, a direct hook from an earlier start only follows frees.
 *
 * Other tools hook the same domains. Our hooks keep the original's ctx, so a half-written allocator struct is still
 * valid. A displaced hook is found by experiment (at start and at a snapshot) and reinstalled. Our hooks are removed
 * only if no other hook is on top of them; otherwise they stay and pass calls through.
 *
 * Threads: every function here needs the main interpreter's GIL. The hooks serve every interpreter, including those
 *          with their own GIL, and take no GIL.
 */
#ifndef SP_PYMEM_HOOK_H
#define SP_PYMEM_HOOK_H

#include <stdbool.h>

/* Install the hooks that are needed and missing. `native_counts` says whether any existing hooks on malloc count. */
void sp_pymem_hook_install_with_gil(bool native_counts);

/* Remove the hooks that are not needed to see frees. */
void sp_pymem_hook_rest_with_gil(void);

/* Remove all hooks. */
void sp_pymem_hook_remove_with_gil(void);

/* Return whether malloc itself, as this extension calls it, reaches a hook of ours. */
bool sp_pymem_hook_malloc_is_seen(void);

#endif
