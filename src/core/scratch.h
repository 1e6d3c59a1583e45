/* scratch.h: room to take a stack in, so that no array lies on the stack of the thread that is sampled: it may be
 * small.
 *
 * Memory:  SP_SCRATCH_COUNT mappings at most stay; more threads at once get one each and give it back.
 * Threads: any, lock-free; nobody waits. Signals: safe.
 * Full:    NULL when the kernel gives none.
 */
#ifndef SP_SCRATCH_H
#define SP_SCRATCH_H

#include "last_walk.h"
#include "spprof.h"

#include <stddef.h>
#include <stdint.h>

#define SP_SCRATCH_COUNT 64
#define SP_SCRATCH_WORDS (2 * SPPROF_STACK_FRAMES_MAX) /* of the walker: each frame may have an anchor */

typedef struct sp_scratch {
    uintptr_t addresses[SPPROF_STACK_FRAMES_MAX], ends[SPPROF_STACK_FRAMES_MAX];
    uint64_t words[SP_SCRATCH_WORDS];
    uint64_t merged[SPPROF_STACK_FRAMES_MAX];
    size_t place; /* in the pool; SP_SCRATCH_COUNT: none */
    sp_last_walks last;
} sp_scratch;

sp_scratch *sp_scratch_take(void);
void sp_scratch_give(sp_scratch *scratch);

/* In a forked child: what other threads had taken is free again. */
void sp_scratch_reset_after_fork(void);

#endif
