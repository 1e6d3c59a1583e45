/* untabled.h: frames of code that has no table: what the architecture's instructions and the frame pointer reveal.
 *
 *   frame pointer ──► [ caller's frame pointer | return address ] ──► is the code before that address a call?
 *
 * Memory:  reads code only where it is readable, and the stack within its bounds (stack_memory.h).
 * Threads: any. Signals: safe.
 */
#ifndef SP_UNTABLED_H
#define SP_UNTABLED_H

#include "rule.h"
#include "stack_memory.h"

#include <stdbool.h>
#include <stdint.h>

/* Return whether the instruction before `pc` is a call. The seven bytes before `pc` must be readable. */
bool sp_untabled_is_behind_call(uintptr_t pc);

/* Set the sp of `frame` after a step by the frame pointer. `frame` is then the caller's, but its sp still points to
 * where the pair was. Return false if the caller's sp cannot be determined. */
bool sp_untabled_find_stack_pointer(sp_frame *frame, sp_stack_memory *stack);

/* Return whether the code at `pc` continues in another function with the return address still in its register. */
bool sp_untabled_leads_on(uintptr_t pc);

#endif
