/* other_malloc.h: the program's malloc by the object that it is in; see spprof/malloc_sums.h for what it tells.
 *
 * Memory:  one static table.
 * Threads: any. What it needs of the loader is learned with the originals: later no call takes the loader's lock, with
 *          which a fork on another thread would leave a child that can load nothing.
 */
#ifndef SP_OTHER_MALLOC_H
#define SP_OTHER_MALLOC_H

#include "elf_object.h"

/* Inside the loader's list: the object is mapped meanwhile. One that has a malloc is never unloaded. */
void sp_other_malloc_learn(const sp_elf_object *object);

/* As malloc_trim(0) does for glibc, by its own function for it; nothing where we know none. */
void sp_trim_other_malloc(void);

#endif
