/* hooks.h: our hooks under names that cannot be interposed, so that slots can hold their addresses
 * (hooked_functions.def).
 */
#ifndef SP_HOOKS_H
#define SP_HOOKS_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#define SP_HOOK __attribute__((visibility("hidden")))

SP_HOOK void *sp_hook_malloc(size_t size);
SP_HOOK void *sp_hook_calloc(size_t count, size_t size);
SP_HOOK void *sp_hook_realloc(void *old, size_t size);
SP_HOOK void *sp_hook_reallocarray(void *old, size_t count, size_t size);
SP_HOOK void sp_hook_free(void *address);
SP_HOOK void sp_hook_free_sized(void *address, size_t size);
SP_HOOK void sp_hook_free_aligned_sized(void *address, size_t alignment, size_t size);
SP_HOOK int sp_hook_posix_memalign(void **result, size_t alignment, size_t size);
SP_HOOK void *sp_hook_aligned_alloc(size_t alignment, size_t size);
SP_HOOK void *sp_hook_memalign(size_t alignment, size_t size);
SP_HOOK void *sp_hook_valloc(size_t size);
SP_HOOK void *sp_hook_pvalloc(size_t size);
SP_HOOK int sp_hook_dlclose(void *handle);
SP_HOOK int sp_hook_sigaltstack(const stack_t *new_stack, stack_t *old_stack);

/* Return the function that sp_hook_sigaltstack() calls, or 0 if it makes the system call itself. libc's symbol
 * cannot be used: it may resolve to the hook (spprof_follow_signal_stacks). */
SP_HOOK uintptr_t sp_hook_original_sigaltstack(void);

#endif
