/* traps.h: stopping at an instruction, any in the program or its libraries.
 *
 *   ldr x1, [x0]                  brk ─► SIGTRAP: puts the instruction back, calls the observer, returns to it
 *   add x1, x1, #8      ──►       add x1, x1, #8
 *
 * Threads: one. Signals: SIGTRAP is taken.
 */
#ifndef TRAPS_H
#define TRAPS_H

#include "places.h"

#include <ucontext.h>

/* In the handler, whose section is placed_trap_handler. */
typedef void trap_observer(const ucontext_t *context, void *argument);

DECLARE_PLACE(trap_handler);

/* The handler runs on a stack of its own, if `alternate_stack`. */
void trap_prepare(bool alternate_stack);

/* Calls run(argument), with a breakpoint at `instruction` that is met once. False: it was not met. */
bool trap_run(uintptr_t instruction, trap_observer *observer, void (*run)(void *argument), void *argument);

#endif
