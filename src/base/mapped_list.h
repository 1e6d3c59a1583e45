/* mapped_list.h: the kernel's list of mappings.
 *
 * Memory:  a buffer that is mapped while the list is being read.
 * Threads: any. Signals: sp_mapped_list_has is safe.
 * errno:   preserved.
 */
#ifndef SP_MAPPED_LIST_H
#define SP_MAPPED_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Return whether every page of [start, start + size) is mapped, accessible or not. Makes one system call; on macOS, one
 * for each of the kernel's mappings if some are not plain anonymous memory. */
bool sp_mapped_list_has(uintptr_t start, size_t size);

/* Called for each of the kernel's mappings, in the order of their addresses. */
typedef void sp_mapped_visitor(void *data, uintptr_t start, uintptr_t end);

/* Visit all mappings. Return false if the list cannot be read, or cannot be read completely; the mappings visited by
 * then are valid all the same. */
bool sp_mapped_list_visit(sp_mapped_visitor *visit, void *data);

#endif
