/* frames.h: stacks as the engine takes them, and as libgcc does.
 *
 * Threads: the calling thread's stack. Signals: safe.
 */
#ifndef FRAMES_H
#define FRAMES_H

#include "last_walk.h"
#include "places.h"

#include <ucontext.h>

/* The first frame is stack_take's own. */
void stack_take(stack *taken);

/* The same, compared with the last ones. */
void stack_take_beside(sp_last_walks *walks, stack *taken);

/* From where a signal interrupted; the first frame is what was interrupted. */
void stack_take_from_context(const ucontext_t *context, stack *taken);

/* As libgcc sees it, which does not say where frames end. The first frame is the caller's. */
void stack_take_by_libgcc(stack *taken);

#endif
