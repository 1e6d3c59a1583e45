/* capture.h: takes the stack of a sample: native and interpreter frames, merged and interned.
 *
 * Memory:  scratch.h; new stacks go into the stack table.
 * Threads: the calling thread's own stack; inside the guard.
 * Signals: safe.
 * Full:    a marked record (stack_table.h).
 */
#ifndef SP_CAPTURE_H
#define SP_CAPTURE_H

#include "registers.h"
#include "stack_table.h"
#include "tick.h"

/* Record where this library's functions and the loader's are. Called at each start. */
void sp_capture_prepare(void);

/* Declare that this function of the library calls the program's code: its frames above that code belong to the
 * program's stack. */
void sp_capture_let_through(uintptr_t function);

/* Declare that the object around this function calls our hooks when it has allocated. Like the hooks' own, its frames
 * at the leaf are left out from the next start on. */
void sp_capture_leave_out_allocator(uintptr_t function);

/* From now on, leave code that the interpreter has generated out of stacks. The layout of the evaluation loop's
 * frame is taken from the calling thread's own stack. Call this inside the guard, after sp_capture_prepare(), and
 * once there is a table for code. NULL: leave nothing out. */
void sp_capture_leave_out(spprof_generated_code *is_generated);

/* Call this after something was, or may have been, unloaded: addresses may refer to another object. Takes the
 * loader's lock. */
void sp_capture_forget_unloaded(void);

/* Like sp_capture_forget_unloaded(), but also detect loads and unloads that no hook has noticed. */
void sp_capture_refresh_objects(void);

/* Return the calling thread's stack, held for the caller. */
sp_stack_record *sp_capture_stack(void);

/* Like sp_capture_stack(), for a call that a signal handler may have made. Such a handler may interrupt the
 * interpreter anywhere; the stack then has no interpreter frames. */
sp_stack_record *sp_capture_stack_of_any(void);

/* Return the stack that a signal interrupted, held; for use in that signal's handler. `registers`: the interrupted
 * ones; without them the stack has no native frames. All of the program's frames are kept, including the hooks'.
 * NULL: the interpreter was changing its frames. */
sp_stack_record *sp_capture_interrupted(const sp_interrupted *interrupted, const sp_registers *registers);

#endif
