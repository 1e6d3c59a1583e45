/* scratch.h: memory for taking a stack, so that no array is on the sampled thread's stack, which may be small.
 *
 * Memory:  at most SP_SCRATCH_COUNT mappings are kept. If more threads need one at the same time, each of the others
 *          maps its own and unmaps it again.
 * Threads: any, lock-free; no thread waits. Signals: safe.
 * Full:    NULL if the kernel provides no memory.
 */
#ifndef SP_SCRATCH_H
#define SP_SCRATCH_H

#include "last_walk.h"
#include "spprof.h"

#include <stddef.h>
#include <stdint.h>

#define SP_SCRATCH_COUNT 64
#define SP_SCRATCH_WORDS (2 * SPPROF_STACK_FRAMES_MAX) /* for the walker: each frame may have an anchor */

typedef struct sp_scratch {
    uintptr_t addresses[SPPROF_STACK_FRAMES_MAX], ends[SPPROF_STACK_FRAMES_MAX];
    uint64_t words[SP_SCRATCH_WORDS];
    uint64_t merged[SPPROF_STACK_FRAMES_MAX];
    size_t place; /* index in the pool; SP_SCRATCH_COUNT: none */
    sp_last_walks last;
} sp_scratch;

sp_scratch *sp_scratch_take(void);
void sp_scratch_give(sp_scratch *scratch);

/* In a forked child, free what other threads had taken. */
void sp_scratch_reset_after_fork(void);

#endif
