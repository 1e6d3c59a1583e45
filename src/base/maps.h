/* maps.h: what is mapped in this process, as the kernel lists it.
 *
 * Memory:  one mapping of 32 KiB while the list is being read; on macOS, none.
 * Threads: any. Mappings that other threads make or remove in the meantime may or may not be listed; each entry is
 *          whole.
 * Signals: not in a handler. errno: preserved.
 * Full:    false if the list cannot be read completely.
 * macOS:   the system's shared libraries are one mapping without a file. `resident` and `common` count a file's pages
 *          if they are in memory for any process, and `swapped` includes compressed pages.
 */
#ifndef SP_MAPS_H
#define SP_MAPS_H

#include <stdbool.h>
#include <stddef.h>
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

/* Likewise, without measuring, but mappings without a file may be left out. */
bool sp_maps_each_file(sp_map_visitor *visit, void *data);

/* Visit the list as the kernel writes it (maps; smaps if `measured`), a page at a time. Return false if it cannot be
 * read completely, or the visitor returned false. macOS has no such list. */
typedef bool sp_maps_text_visitor(const char *text, size_t size, void *data);
bool sp_maps_read_text(bool measured, sp_maps_text_visitor *visit, void *data);

#endif
