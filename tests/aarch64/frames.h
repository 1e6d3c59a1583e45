/* frames.h: stacks as taken by the engine and by libgcc.
 *
 * Threads: the calling thread's stack. Signals: safe.
 */
#ifndef FRAMES_H
#define FRAMES_H

#include "last_walk.h"
#include "places.h"

#include <ucontext.h>

/* Take the calling thread's stack. The first frame is stack_take's own. */
void stack_take(stack *taken);

/* Like stack_take(), but compares with the last stacks. */
void stack_take_beside(sp_last_walks *walks, stack *taken);

/* Take the stack that a signal interrupted. The first frame is the interrupted function's. */
void stack_take_from_context(const ucontext_t *context, stack *taken);

/* Take the stack with libgcc, which does not report where frames end. The first frame is the caller's. */
void stack_take_by_libgcc(stack *taken);

#endif
