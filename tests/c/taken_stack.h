/* taken_stack.h: stacks of specimens (specimen.h), taken by the unwinder and compared with what the functions wrote
 * down.
 *
 *   taken.addresses:  [ in take_stack | returns, leaf first … | whoever ran the script … first frame of the thread ]
 *
 * Threads: one at a time takes a stack.
 */
#ifndef TAKEN_STACK_H
#define TAKEN_STACK_H

#include "specimen.h"
#include "unwind.h"

#define TAKEN_MAX 1024

extern sp_native_stack taken;
extern uintptr_t taken_addresses[TAKEN_MAX], taken_ends[TAKEN_MAX];

void take_from(const sp_registers *registers);
/* The end of a script: its own stack. */
void take_stack(specimen_trace *at);

/* Runs what `script` says; what was taken stays to be looked at. */
void run_script(specimen_trace *at, specimen_function *const *script);

/* That what was entered stands there, the innermost `from` frames above the leaf: where it returns to, and its end. */
void check_traced(const specimen_trace *at, size_t from);

/* The same of a stack that was taken by take_stack, and that it reaches to the thread's first frame. */
void check_whole(const specimen_trace *at);

#endif
