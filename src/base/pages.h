/* pages.h: the system calls behind memory.h (pages_NAME.c), and what the systems' files share (memory.c). Only for
 * these, memory_NAME.c and residency_NAME.c.
 *
 * Memory:  none besides the pages themselves.
 * Threads, signals: any. May change errno.
 */
#ifndef SP_PAGES_H
#define SP_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Map whole pages privately, zeroed; return NULL if the kernel refuses. None of our hooks sees the call. */
void *sp_pages_map(size_t bytes, int protection);
bool sp_pages_unmap(void *address, size_t bytes);

size_t sp_pages_round_up(size_t bytes);

/* Two ways to find out whether the kernel can read the byte at `address`. The first is faster; an emulator or a
 * sandbox may reject the call before it reads the memory. The second says no if the kernel does not answer. */
bool sp_pages_read_signal_set(uintptr_t address);
bool sp_pages_read_slowly(uintptr_t address);

/* Copy after checking that each page can be read: the memory must not be unmapped in the meantime. */
bool sp_pages_copy_readable(void *to, uintptr_t from, size_t bytes);

/* Write for each page what mincore says of it, 0 for pages that are not mapped. */
void sp_pages_look(uintptr_t start, size_t count, unsigned char *flags);

#endif
