/* taken_stack.h: stacks of specimens (specimen.h), taken by the unwinder and compared with what the functions recorded.
 *
 *   taken.addresses:  [ in take_stack | returns, leaf first … | the script's caller … first frame of the thread ]
 *
 * Threads: only one may take a stack at a time.
 */
#ifndef TAKEN_STACK_H
#define TAKEN_STACK_H

#include "specimen.h"
#include "unwind.h"

#define TAKEN_MAX 1024

extern sp_native_stack taken;
extern uintptr_t taken_addresses[TAKEN_MAX], taken_ends[TAKEN_MAX];

void take_from(const sp_registers *registers);
/* The last step of a script: takes its own stack. */
void take_stack(specimen_trace *at);

/* Run `script`. The stack that it takes remains available afterwards. */
void run_script(specimen_trace *at, specimen_function *const *script);

/* Check the return addresses and frame ends of the functions that were entered. The innermost of them is `from`
 * frames above the leaf. */
void check_traced(const specimen_trace *at, size_t from);

/* Like check_traced(), but for a stack that take_stack took. Also check that it reaches the thread's first frame. */
void check_whole(const specimen_trace *at);

#endif
