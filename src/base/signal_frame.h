/* signal_frame.h: the frame that the kernel puts on the stack for a signal handler, where no description leads through
 * it.
 *
 *   handler's frame │ signal's information │ context: … │ x0 … x30 │ sp │ pc │ …
 *                   ▲ sp                                ▲ *registers              a word each
 *
 * On aarch64 a handler returns to code of the kernel's that has no description, or one that knows the interrupted frame
 * but not where in it the signal struck. On x86-64 libc provides that code and describes it whole.
 *
 * Memory:  none. Threads, signals: any.
 */
#ifndef SP_SIGNAL_FRAME_H
#define SP_SIGNAL_FRAME_H

#include <stdbool.h>
#include <stdint.h>

/* Whether the code at `pc` is where handlers return to. If so, *registers is where, on a stack that ends at `sp`, the
 * interrupted registers stand: as many, and in the order, as in registers.h. */
bool sp_signal_frame_find(uintptr_t pc, uintptr_t sp, uintptr_t *registers);

#endif
