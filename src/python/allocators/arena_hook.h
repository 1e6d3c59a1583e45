/* arena_hook.h: keeps the arenas of Python's pools out of the program's mappings, because the blocks in them are
 * counted instead.
 *
 *   pymalloc ─► our alloc ─► begin_arena ─► the original ─► mmap (left out) ─► end_arena
 *
 * The interpreter and its mmap module may be in one file. mmap then sees the same calling object for both, so the
 * caller does not distinguish them. Our hook keeps the original's ctx and free.
 *
 * Threads: the functions here need the main interpreter's GIL. The hook serves every interpreter and takes no GIL.
 */
#ifndef SP_ARENA_HOOK_H
#define SP_ARENA_HOOK_H

/* Install the hook, or reinstall it if another tool removed it. Safe to call repeatedly. */
void sp_arena_hook_install_with_gil(void);

/* Remove the hook, unless another tool has installed its own on top of it. */
void sp_arena_hook_remove_with_gil(void);

#endif
