/* pythreads.h: how many thread states the main interpreter has made. */
#ifndef SP_PYTHREADS_H
#define SP_PYTHREADS_H

#include <stdint.h>

/* Since it began, without those of subinterpreters. A thread that Python starts has one, also if it has ended. Any
 * interpreter may ask. */
uint64_t sp_pythreads_made(void);

#endif
