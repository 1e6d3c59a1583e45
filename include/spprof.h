/* spprof.h: the engine of libspprof_alloc.so, as its hooks and the Python extension see it. It includes all of
 * include/spprof.
 *
 *   hooks.h          an allocation or a free, from an allocator's hook
 *   domains.h        the hooks of an interpreter's allocator domains
 *   lifecycle.h      start, stop, shutdown
 *   stacks.h         frames, and the walkers that read them
 *   reading.h        what the heap profiler has recorded
 *   mappings.h       memory that the program mapped itself
 *   resident.h       how much of the program's memory is resident
 *   malloc_sums.h    how much memory malloc has in use, and how much it keeps
 *   cpu.h            the CPU profiler
 *   thread_stacks.h  what every thread is doing now
 *   symbols.h        names of native functions
 *   clock.h          the clock of everything that is recorded
 *
 * The engine knows nothing about Python. The hooks report each allocation to it; it decides which ones to sample, calls
 * the registered walker for the stack, and records which samples are still live.
 *
 * Memory:  everything is mmapped; no function here calls malloc. A table is never unmapped while a reader could still
 *          use it, and nothing is destroyed at exit.
 * Threads: any thread may call any function, with or without an interpreter lock, unless the function says otherwise.
 * Signals: each header says what a handler may call.
 * Fork:    no lock that an allocation waits for is held across fork; the child repairs whatever another thread was
 *          changing.
 * Full:    every table has a named maximum; anything that does not fit is dropped and counted.
 */
#ifndef SPPROF_H
#define SPPROF_H

#include "spprof/clock.h"
#include "spprof/cpu.h"
#include "spprof/domains.h"
#include "spprof/hooks.h"
#include "spprof/lifecycle.h"
#include "spprof/malloc_sums.h"
#include "spprof/mappings.h"
#include "spprof/reading.h"
#include "spprof/resident.h"
#include "spprof/stacks.h"
#include "spprof/symbols.h"
#include "spprof/thread_stacks.h"

#endif
