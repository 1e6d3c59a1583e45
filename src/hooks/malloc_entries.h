/* malloc_entries.h: malloc, calloc, realloc and free under the names by which LD_PRELOAD puts us before libc.
 *
 *   program ─► malloc ─► the original                          until the profiler is first used
 *                     └► the hook ─► the original              from then on
 *
 * So a library that is preloaded but never started costs one jump per call. Patched slots point to the hooks directly.
 * The other members of the family are called too rarely to need entries.
 *
 * Memory:  four pointers.
 * Threads: a thread that sees a sampled block also sees that the entries lead to the hooks, because the entries are
 *          switched before the first start.
 */
#ifndef SP_MALLOC_ENTRIES_H
#define SP_MALLOC_ENTRIES_H

#include <stdbool.h>
#include <stdint.h>

/* Return whether `address` is one of the four entries. */
bool sp_malloc_entries_contain(uintptr_t address);

#endif
