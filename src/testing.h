/* testing.h: what the library exports for tests alone. No hook and no walker calls it.
 *
 * Memory:  the caller's. Threads: any.
 * Signals: not called in a handler.
 */
#ifndef SP_TESTING_H
#define SP_TESTING_H

#include "spprof/api.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The calling thread's native return addresses, leaf first, its own caller's first. Returns how many. */
SPPROF_API size_t spprof_native_stack(uintptr_t *addresses, size_t capacity, bool *truncated);

/* The signal, and what a timer of the thread would hand to it: for tests that send it themselves. False: not active, or
 * the thread has no timer. */
SPPROF_API bool spprof_cpu_tick_of(uint32_t thread_id, int *signal_number, uint64_t *cookie);

#endif
