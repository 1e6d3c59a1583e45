/* testing.h: functions that the library exports only for tests. No hook and no walker calls it.
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

/* Write the calling thread's native return addresses, leaf first, beginning with its own caller's. Return how many. */
SPPROF_API size_t spprof_native_stack(uintptr_t *addresses, size_t capacity, bool *truncated);

/* Get the signal and the cookie that a timer of the thread would send, for tests that send the signal themselves.
 * Return false if the profiler is not active or the thread has no timer. */
SPPROF_API bool spprof_cpu_tick_of(uint32_t thread_id, int *signal_number, uint64_t *cookie);

#endif
