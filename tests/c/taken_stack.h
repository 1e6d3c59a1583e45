/* taken_stack.h: stacks of specimens (specimen.h), taken by the unwinder and compared with what the functions wrote down.
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

/* The end of a script. */
void take_stack(specimen_trace *at);

/* Runs what `script` says; what was taken stays to be looked at. */
void run_script(specimen_trace *at, specimen_function *const *script);

/* From the innermost function of the script on, `from` frames above the leaf: addresses and ends of all that was entered. */
void check_traced(const specimen_trace *at, size_t from);

/* The same of a stack that was taken by take_stack, and that it reaches to the thread's first frame. */
void check_whole(const specimen_trace *at);

#endif
