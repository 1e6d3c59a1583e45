/* entropy.h: one word that differs from run to run. Threads: any. */
#ifndef SP_ENTROPY_H
#define SP_ENTROPY_H

#include <stdint.h>

uint64_t sp_entropy_word(void);

#endif
