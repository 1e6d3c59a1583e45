/* other_malloc.h: a malloc that is not libc's; see spprof/malloc_sums.h for what it tells. */
#ifndef SP_OTHER_MALLOC_H
#define SP_OTHER_MALLOC_H

/* As malloc_trim(0) does for glibc, by its own function for it; nothing where we know none. */
void sp_trim_other_malloc(void);

#endif
