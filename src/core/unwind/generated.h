/* generated.h: code that the interpreter generates at run time (its JIT's). No table describes this code, and it may
 * keep no frame pointer. But the interpreter provides an address in the C frame of the call that runs it: that call's
 * anchor.
 *
 *   leaf   helper   generated … generated   call of the evaluation loop   its caller
 *                   └── left out ─────────┘  ▲ anchor
 *                                            └ pc, sp and fp of such a frame, learned once, relative to its anchor
 *
 * Memory:  static, a few words.
 * Threads: any. Signals: sp_generated_leave is safe; sp_generated_learn must not be called in a handler.
 */
#ifndef SP_GENERATED_H
#define SP_GENERATED_H

#include "rule.h"
#include "spprof.h"
#include "stack_memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Set the function that recognizes generated code. NULL: there is none, and sp_generated_leave leaves no frame out. */
void sp_generated_ask(spprof_generated_code *is_generated);

/* Learn the frame layout from `frame`, a call of the evaluation loop that contains `anchor`. Return true if the
 * layout is now known, or was known before. Return false if the frame's rule needs more than these registers. */
bool sp_generated_learn(const sp_frame *frame, uintptr_t anchor);
bool sp_generated_has_learned(void);

/* If `frame` runs generated code, at `pc`, replace it with the call of the evaluation loop around it: the innermost
 * call in `words` (spprof_walker) that begins above the frame. Return false and leave it unchanged if there is none,
 * or if `pc` is not in generated code. */
bool sp_generated_leave(sp_frame *frame, uintptr_t pc, const uint64_t *words, size_t count,
                        const sp_stack_memory *stack);

#endif
