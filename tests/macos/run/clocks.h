/* clocks.h: what the other stand-ins need of the clocks. */
#ifndef CLOCKS_H
#define CLOCKS_H

#include <stdint.h>

uint64_t clocks_ticks_of(uint64_t ns);
uint64_t clocks_thread_ns(int thread_id);
uint64_t clocks_process_ns(void);

#endif
