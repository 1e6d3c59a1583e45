/* signal_frame.h: the frame that the kernel puts on the stack for a signal handler, where no unwind description covers
 * it.
 *
 *   handler's frame │ signal's information │ context: … │ x0 … x30 │ sp │ pc │ …
 *                   ▲ sp                                ▲ *registers              a word each
 *
 * On aarch64 a handler returns to kernel code that has no description, or one that describes the interrupted frame but
 * not where in it the signal arrived. On x86-64 libc provides that code and describes it completely.
 *
 * Memory:  none. Threads, signals: any.
 */
#ifndef SP_SIGNAL_FRAME_H
#define SP_SIGNAL_FRAME_H

#include <stdbool.h>
#include <stdint.h>

/* Return whether handlers return to the code at `pc`. If so, *registers is where, on a stack that ends at `sp`, the
 * interrupted registers are stored: as many, and in the same order, as in registers.h. */
bool sp_signal_frame_find(uintptr_t pc, uintptr_t sp, uintptr_t *registers);

#endif
