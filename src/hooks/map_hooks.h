/* map_hooks.h: mmap's family, as the program calls it.
 *
 *   preloaded:  program ─► mmap ─► the next definition behind us
 *   patched:    program's slot ─► sp_hook_mmap ─► the first definition of all, which the slot held
 *
 * There are two entries because a library before us may wrap mmap and call us by RTLD_NEXT: if that call went to the
 * first definition again, the recursion would never end. A call that passes through both entries is reported twice,
 * with the same result.
 *
 * Memory:  one pointer per function and entry.
 * Threads: any. Signals: safe, like the originals. errno: the original's.
 */
#ifndef SP_MAP_HOOKS_H
#define SP_MAP_HOOKS_H

#include "hooks.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

SP_HOOK void *sp_hook_mmap(void *address, size_t size, int protection, int flags, int file, off_t offset);
SP_HOOK int sp_hook_munmap(void *address, size_t size);
SP_HOOK void *sp_hook_mremap(void *old, size_t old_size, size_t size, int flags, ...);
SP_HOOK void *sp_hook_shmat(int id, const void *address, int flags);
SP_HOOK int sp_hook_shmdt(const void *address);

/* Make `hook`, one of the functions above, call `original`, the function that its slots held. Called before the
 * first slot holds a hook. */
void sp_map_hooks_lead_to(uintptr_t hook, uintptr_t original);

/* Return whether `address` is one of our functions for mmap's family, preloaded or patched. */
bool sp_map_hooks_contain(uintptr_t address);

#endif
