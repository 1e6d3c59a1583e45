/* generated.h: code that the interpreter generates at run time (its JIT's). No table describes it and it may keep no
 * frame pointer, but the interpreter tells an address in the C frame of the call that runs it: that call's anchor.
 *
 *   leaf   helper   generated … generated   call of the evaluation loop   its caller
 *                   └── left out ─────────┘  ▲ anchor
 *                                            └ pc, sp and fp of a frame like it, learned once, apart from its anchor
 *
 * Memory:  static, a few words.
 * Threads: any. Signals: leaving is safe, learning is not called in handlers.
 */
#ifndef SP_GENERATED_H
#define SP_GENERATED_H

#include "rule.h"
#include "spprof.h"
#include "stack_memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who says which code that is; NULL: nobody, and nothing is left in this way. */
void sp_generated_ask(spprof_generated_code *is_generated);

/* `frame` is a call of the evaluation loop, and `anchor` lies in it. True: learned, now or before. False: its rule
 * needs more than these registers. */
bool sp_generated_learn(const sp_frame *frame, uintptr_t anchor);
bool sp_generated_has_learned(void);

/* If the frame at `frame` runs such code, it becomes the call of the evaluation loop around it, which is the innermost
 * of those in `words` (spprof_walker) that begins above it. False: it is left as it was. `pc` is in the code. */
bool sp_generated_leave(sp_frame *frame, uintptr_t pc, const uint64_t *words, size_t count,
                        const sp_stack_memory *stack);

#endif
