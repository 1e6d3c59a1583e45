/* map_hooks.h: mmap's family, as the program calls it.
 *
 *   preloaded:  program ─► mmap ─► the next definition behind us
 *   patched:    program's slot ─► sp_hook_mmap ─► what the slot held: the first definition of all
 *
 * Two entries, because a library before us may wrap mmap and call us by RTLD_NEXT: led back to the first definition, it
 * would go round in a circle. What is told twice of one call is told the same.
 *
 * Memory:  a pointer for each function and way.
 * Threads: any. Signals: safe, as the originals are. errno: the original's.
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

/* `hook` is one of them; `original` is what its slots held. Before the first slot holds a hook. */
void sp_map_hooks_lead_to(uintptr_t hook, uintptr_t original);

/* Whether this is one of our functions that stand before mmap's family, under either name. */
bool sp_map_hooks_contain(uintptr_t address);

#endif
