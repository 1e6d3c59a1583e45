/* own_numbers.h: the kernel's statistics about this process, for code that must not wait.
 *
 * Memory:  a few hundred bytes of stack. Threads: any, without the GIL. errno: left alone.
 * Full:    0 for a number that cannot be read.
 */
#ifndef SP_OWN_NUMBERS_H
#define SP_OWN_NUMBERS_H

#include <stdint.h>

typedef struct sp_own_numbers {
    uint64_t pid, threads;
    uint64_t rss_bytes;
    uint64_t cpu_ns; /* summed over all threads, including those that have ended */
} sp_own_numbers;

void sp_own_numbers_read(sp_own_numbers *numbers);

/* For own_numbers.c: set `threads` and `rss_bytes`. May change errno. */
void sp_own_numbers_ask_kernel(sp_own_numbers *numbers);

#endif
