/* capture.h: the stack of a sample: native frames, interpreter frames, merged and interned.
 *
 * Memory:  scratch.h; what is new goes into the stack table.
 * Threads: the calling thread's own stack; inside the guard.
 * Signals: safe.
 * Full:    NULL, and *reason says why.
 */
#ifndef SP_CAPTURE_H
#define SP_CAPTURE_H

#include "stack_table.h"

/* Learns where this library and the loader's functions lie. At each start. */
void sp_capture_prepare(void);

/* A function of this library's calls the program's code: above that code its frame is one of the program's stack. */
void sp_capture_let_through(uintptr_t function);

/* After something was unloaded, or may have been: addresses may mean another object. Takes the loader's lock. */
void sp_capture_forget_unloaded(void);

sp_stack_record *sp_capture_stack(spprof_drop_reason *reason);

#endif
