/* pythreads.h: how many thread states the interpreter has made. */
#ifndef SP_PYTHREADS_H
#define SP_PYTHREADS_H

#include <stdint.h>

/* In the calling thread's interpreter, since it began. A thread that Python starts has one, also if it has ended. */
uint64_t sp_pythreads_made_with_gil(void);

#endif
