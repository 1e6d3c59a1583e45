/* own_numbers.h: what the kernel knows of this process, for those who must not wait.
 *
 * Memory:  a few hundred bytes of stack. Threads: any, without the GIL. errno: left alone.
 * Full:    0, where it cannot be told.
 */
#ifndef SP_OWN_NUMBERS_H
#define SP_OWN_NUMBERS_H

#include <stdint.h>

typedef struct sp_own_numbers {
    uint64_t pid, threads;
    uint64_t rss_bytes;
    uint64_t cpu_ns; /* of all threads, with those that have ended */
} sp_own_numbers;

void sp_own_numbers_read(sp_own_numbers *numbers);

#endif
