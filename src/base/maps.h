/* maps.h: what is mapped in this process, as the kernel lists it.
 *
 * Memory:  one mapping of 32 KiB while it is read.
 * Threads: any. What others map or unmap meanwhile may be listed or not; each entry is whole.
 * Signals: not in a handler. errno: left alone.
 * Full:    false, where the list cannot be read to its end.
 */
#ifndef SP_MAPS_H
#define SP_MAPS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct sp_map {
    uintptr_t start, end;
    bool is_writable, is_executable, is_shared;
    uint64_t inode;   /* 0: no file */
    const char *path; /* as the kernel writes it, "" for none; until the visitor returns */
    /* Measured only, in bytes: the pages that are there; those of them that others have too; those in the swap. */
    uint64_t resident, common, swapped;
} sp_map;

/* False: enough, no more are wanted. */
typedef bool sp_map_visitor(const sp_map *map, void *data);

/* By ascending address. `measured`: the kernel counts the pages of each, some 10 ms for each GiB that is there. */
bool sp_maps_each(bool measured, sp_map_visitor *visit, void *data);

#endif
