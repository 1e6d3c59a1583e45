/* malloc_entries.h: malloc, calloc, realloc and free under the names by which LD_PRELOAD puts us before libc.
 *
 *   program ─► malloc ─► the original                          until the profiler is used for the first time
 *                     └► the hook ─► the original              from then on
 *
 * So a library that was preloaded and never started costs a jump a call. Patched slots lead to the hooks directly. The
 * other members of the family are too rare to have entries.
 *
 * Memory:  four pointers.
 * Threads: whoever meets a sampled block has seen that the entries lead to the hooks: they do before the first start.
 */
#ifndef SP_MALLOC_ENTRIES_H
#define SP_MALLOC_ENTRIES_H

#include <stdbool.h>
#include <stdint.h>

/* Whether this is the address of one of the four. */
bool sp_malloc_entries_contain(uintptr_t address);

#endif
