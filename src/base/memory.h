/* memory.h: pages from the kernel, counted and limited. This is the engine's only source of memory.
 *
 * Memory:  private anonymous mappings, zeroed, resident only where touched.
 * Threads: any.
 * Full:    NULL if the kernel refuses or the named maximum (engine_bytes_max) would be exceeded.
 */
#ifndef SP_MEMORY_H
#define SP_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Map `bytes` zeroed bytes, rounded up to whole pages; NULL if there is no memory. May change errno. */
void *sp_memory_map(size_t bytes);

/* Like sp_memory_map(), but for memory that is read at random addresses and never unmapped. It uses huge pages if
 * the kernel has them, since otherwise each read would also miss the TLB. */
void *sp_memory_map_dense(size_t bytes);
void sp_memory_unmap(void *address, size_t bytes);

/* Return the pages of a mapping to the kernel; they then read as zeros. */
void sp_memory_empty(void *address, size_t bytes);

/* Return whether the byte at `address` can be read, and with it the rest of its 4 KiB. This takes one system call;
 * the first use takes a few more, to find out what the kernel or its emulator supports. errno is preserved. Another
 * thread may unmap the memory at any time. Signals: safe. */
bool sp_memory_is_readable(uintptr_t address);

/* Copy `bytes` bytes at `from`, wherever that points. Return false if not all of them can be read; the content of
 * *to is then undefined. The kernel copies, so it does no harm if a thread unmaps the memory in the meantime. If the
 * kernel refuses (a sandbox), the pages are checked first. This takes one system call, or a few; errno is preserved.
 * Signals: safe. macOS: the pages are always checked first, because only messages copy memory, and a handler must not
 * send any. */
bool sp_memory_copy(void *to, uintptr_t from, size_t bytes);

/* Like sp_memory_copy(), but never touch the memory: another thread may unmap it at any time. If the kernel refuses
 * to copy, this takes three system calls. Return false if the kernel refuses those too. macOS: not in a handler. */
bool sp_memory_copy_by_kernel(void *to, uintptr_t from, size_t bytes);

/* For each of `count` pages, beginning with the one at `start`, write 1 if it is resident, else 0. Unmapped pages
 * are not resident. errno is preserved. */
void sp_memory_find_present(uintptr_t start, size_t count, unsigned char *is_present);

size_t sp_memory_page_bytes(void);

/* Return how many bytes are mapped now. */
size_t sp_memory_mapped(void);

/* Write the addresses and sizes of up to `capacity` mappings, in no particular order; return how many were written.
 * If there are more than SP_MEMORY_LISTED, some are not listed. */
#define SP_MEMORY_LISTED 1024
typedef struct sp_own_pages {
    uintptr_t start;
    size_t size;
} sp_own_pages;
size_t sp_memory_list(sp_own_pages *out, size_t capacity);

#endif
