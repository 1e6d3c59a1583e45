/* capture.h: the stack of a sample: native frames, interpreter frames, merged and interned.
 *
 * Memory:  scratch.h; what is new goes into the stack table.
 * Threads: the calling thread's own stack; inside the guard.
 * Signals: safe.
 * Full:    a marked record (stack_table.h).
 */
#ifndef SP_CAPTURE_H
#define SP_CAPTURE_H

#include "registers.h"
#include "stack_table.h"
#include "tick.h"

/* Learns where this library and the loader's functions lie. At each start. */
void sp_capture_prepare(void);

/* A function of this library's calls the program's code: above that code its frame is one of the program's stack. */
void sp_capture_let_through(uintptr_t function);

/* What the interpreter has generated is left out of stacks from here on, by what the calling thread's own stack tells
 * about the evaluation loop. Inside the guard, prepared, when there is a table for code. NULL: nothing is. */
void sp_capture_leave_out(spprof_generated_code *is_generated);

/* After something was unloaded, or may have been: addresses may mean another object. Takes the loader's lock. */
void sp_capture_forget_unloaded(void);

/* The same, also where nothing was unloaded that anybody noticed, or loaded. */
void sp_capture_refresh_objects(void);

/* Held for the caller. */
sp_stack_record *sp_capture_stack(void);

/* The same for a call that a signal handler may have made, which may interrupt the interpreter anywhere: then without
 * the interpreter's frames. */
sp_stack_record *sp_capture_stack_of_any(void);

/* The stack of what a signal interrupted, for its handler. `registers`: those that stand in it; without them no
 * native frames. All of the program's frames are kept, the hooks' too. Held; NULL: the interpreter's frames were being
 * changed. */
sp_stack_record *sp_capture_interrupted(const sp_interrupted *interrupted, const sp_registers *registers);

#endif
