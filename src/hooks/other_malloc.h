/* other_malloc.h: the program's malloc, identified by the object that defines it; spprof/malloc_sums.h describes the
 * numbers that it reports.
 *
 * Memory:  one static table.
 * Threads: any. Everything needed from the loader is looked up together with the originals, so no later call takes the
 *          loader's lock. If a thread held that lock while another thread forked, the child could not load anything.
 */
#ifndef SP_OTHER_MALLOC_H
#define SP_OTHER_MALLOC_H

#include "elf_object.h"

/* Look up the allocator's functions in `object`. Called inside dl_iterate_phdr, so the object stays mapped. An
 * object that defines malloc is never unloaded. */
void sp_other_malloc_learn(const sp_elf_object *object);

/* Return free memory to the system with the allocator's own function, as malloc_trim(0) does for glibc. Does nothing
 * if we do not know such a function. */
void sp_trim_other_malloc(void);

#endif
