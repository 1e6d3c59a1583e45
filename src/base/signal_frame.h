/* signal_frame.h: the frame that the kernel puts on the stack for a signal handler, for code that no unwind description
 * covers.
 *
 *   handler's frame │ signal's information │ context: … │ x0 … x30 │ sp │ pc │ …
 *                   ▲ sp                                ▲ *registers              one word for each register
 *
 * On aarch64 a handler returns to kernel code. This code either has no description, or has one that describes the
 * interrupted frame but not the point in it at which the signal arrived. On x86-64 libc provides the code and describes
 * it completely. On macOS the code is a function of a library. On x86-64 it is described completely; on aarch64 like
 * any other function, and it is known only from the first tick on.
 *
 * Memory:  none. Threads, signals: any.
 */
#ifndef SP_SIGNAL_FRAME_H
#define SP_SIGNAL_FRAME_H

#include <stdbool.h>
#include <stdint.h>

/* Return whether handlers return to the code at `pc`. If so, *registers receives the address at which the
 * interrupted registers are stored on a stack that ends at `sp`. They are the same ones, in the same order, as in
 * registers.h. */
bool sp_signal_frame_find(uintptr_t pc, uintptr_t sp, uintptr_t *registers);

/* Return whether handlers return to the code at `pc` although it is described like any other. Never on Linux. */
bool sp_signal_frame_is_hidden(uintptr_t pc);

#endif
