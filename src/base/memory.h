/* memory.h: pages from the kernel, counted and bounded. The engine has no other source of memory.
 *
 * Memory:  private anonymous mappings, zeroed, resident only where touched.
 * Threads: any.
 * Full:    NULL when the kernel refuses or the named maximum (engine_bytes_max) would be passed.
 */
#ifndef SP_MEMORY_H
#define SP_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `bytes` zeroed bytes, rounded up to whole pages; NULL if there are none. May change errno. */
void *sp_memory_map(size_t bytes);

/* The same for memory that is read all over and never unmapped: in huge pages where the kernel has them, since else
 * each read would miss the translation cache as well. */
void *sp_memory_map_dense(size_t bytes);
void sp_memory_unmap(void *address, size_t bytes);

/* Gives the pages of a mapping back; they read as zeros again. */
void sp_memory_empty(void *address, size_t bytes);

/* Whether the byte at `address` can be read, and with it the rest of its 4 KiB. One system call, and a few at the first
 * use, which finds out what the kernel, or whoever emulates it, can be asked; leaves errno alone. Another thread may
 * unmap it at any moment. Signals: safe. */
bool sp_memory_is_readable(uintptr_t address);

/* Copies the `bytes` at `from`, wherever that leads. False: not all of it can be read, and *to holds nothing of use.
 * The kernel copies, so that nobody can unmap it meanwhile; where it refuses to (a sandbox), pages are asked for first.
 * One system call, or a few; leaves errno alone. Signals: safe. */
bool sp_memory_copy(void *to, uintptr_t from, size_t bytes);

/* The same, without ever touching it: what another thread may unmap at any moment. Where the kernel refuses to copy,
 * three system calls, and false where it refuses those too. */
bool sp_memory_copy_by_kernel(void *to, uintptr_t from, size_t bytes);

/* Writes for each of `count` pages from `start` on, a page's first byte, whether it is in memory: 1 or 0. Pages that
 * are not mapped are not in memory. Leaves errno alone. */
void sp_memory_find_present(uintptr_t start, size_t count, unsigned char *is_present);

size_t sp_memory_page_bytes(void);

/* Bytes mapped now. */
size_t sp_memory_mapped(void);

/* Where they are: up to `capacity` starts and sizes, in no order; returns how many were written. Of more than
 * SP_MEMORY_LISTED some are not listed. */
#define SP_MEMORY_LISTED 1024
typedef struct sp_own_pages {
    uintptr_t start;
    size_t size;
} sp_own_pages;
size_t sp_memory_list(sp_own_pages *out, size_t capacity);

#endif
