/* grow_mapping.h: makes a buffer's mapping larger. Memory: private mappings. Threads: any. May change errno. */
#ifndef SP_GROW_MAPPING_H
#define SP_GROW_MAPPING_H

#include <stddef.h>

/* Map `bytes` that begin with the contents of the mapping at `before`, which is then gone; the rest is zero. Return
 * NULL if there is no memory; `before` is then unchanged. */
char *sp_grow_mapping(char *before, size_t bytes_before, size_t bytes);

#endif
