/* traps.h: stops at any instruction of the program or its libraries.
 *
 *   ldr x1, [x0]                  brk ─► SIGTRAP: restores the instruction, calls the observer, returns to it
 *   add x1, x1, #8      ──►       add x1, x1, #8
 *
 * Threads: one. Signals: handles SIGTRAP.
 */
#ifndef TRAPS_H
#define TRAPS_H

#include "places.h"

#include <ucontext.h>

/* The type of the observer. It is called in the handler, whose section is placed_trap_handler. */
typedef void trap_observer(const ucontext_t *context, void *argument);

DECLARE_PLACE(trap_handler);

/* Install the handler, on an alternate signal stack if `alternate_stack`. */
void trap_prepare(bool alternate_stack);

/* Call run(argument) with a breakpoint at `instruction`, which fires once. Return false if it was not reached. */
bool trap_run(uintptr_t instruction, trap_observer *observer, void (*run)(void *argument), void *argument);

#endif
