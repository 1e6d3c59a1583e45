/* maps.h: what is mapped in this process, as the kernel lists it.
 *
 * Memory:  one mapping of 32 KiB while the list is being read.
 * Threads: any. Mappings that other threads make or remove in the meantime may or may not be listed; each entry is
 *          whole.
 * Signals: not in a handler. errno: preserved.
 * Full:    false if the list cannot be read completely.
 */
#ifndef SP_MAPS_H
#define SP_MAPS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct sp_map {
    uintptr_t start, end;
    bool is_writable, is_executable, is_shared;
    uint64_t inode;   /* 0: no file */
    const char *path; /* as the kernel writes it, "" if there is none; valid until the visitor returns */
    /* Only if `measured`, in bytes: resident pages, the part of them that other processes share, and swapped pages. */
    uint64_t resident, common, swapped;
} sp_map;

/* Return false to stop. */
typedef bool sp_map_visitor(const sp_map *map, void *data);

/* Visit the mappings in ascending order of address. `measured`: the kernel also counts each mapping's pages, which
 * takes about 10 ms per resident GiB. */
bool sp_maps_each(bool measured, sp_map_visitor *visit, void *data);

#endif
