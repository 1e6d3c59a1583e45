/* scattered_read.h: reads many places of this process's own memory, any of which may be unmapped at any time, at once.
 *
 * Memory:  8 KiB of stack. Threads: any. May change errno.
 */
#ifndef SP_SCATTERED_READ_H
#define SP_SCATTERED_READ_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SP_SCATTERED_MAX 512

/* Copy `each` bytes from each of `count` addresses, at most SP_SCATTERED_MAX, to an array. Return how many places could
 * be read, counting from the first. Return -1 if there is no such call, as on macOS, or if it is not permitted: read
 * each place by itself. */
ssize_t sp_scattered_read(void *to, size_t each, const uintptr_t *from, size_t count);

#endif
