/* other_malloc.h: the program's malloc, identified by the object that defines it; spprof/malloc_sums.h says what it
 * reports.
 *
 * Memory:  one static table.
 * Threads: any. Everything needed from the loader is looked up together with the originals, so no later call takes the
 *          loader's lock. Holding it during a fork on another thread would leave a child that can load nothing.
 */
#ifndef SP_OTHER_MALLOC_H
#define SP_OTHER_MALLOC_H

#include "elf_object.h"

/* Look up the allocator's functions in `object`. Called inside dl_iterate_phdr, so the object stays mapped. An
 * object that defines malloc is never unloaded. */
void sp_other_malloc_learn(const sp_elf_object *object);

/* Return free memory to the system, as malloc_trim(0) does for glibc, with the allocator's own function. Does
 * nothing if we know none. */
void sp_trim_other_malloc(void);

#endif
