/* arena_hook.h: the arenas of Python's pools, which are no mappings of the program's own: their blocks are counted.
 *
 *   pymalloc ─► our alloc ─► begin_arena ─► the original ─► mmap (left out) ─► end_arena
 *
 * An interpreter that is one file with its mmap module calls mmap for both from the same object, so the caller does not
 * tell them apart. Ours keeps the original's ctx and free.
 *
 * Threads: the functions here need the main interpreter's GIL. The hook serves every interpreter and takes none.
 */
#ifndef SP_ARENA_HOOK_H
#define SP_ARENA_HOOK_H

/* Again does no harm; where another tool has taken the hook away, it is put in anew. */
void sp_arena_hook_install_with_gil(void);

/* Unless somebody stands on top of it. */
void sp_arena_hook_remove_with_gil(void);

#endif
