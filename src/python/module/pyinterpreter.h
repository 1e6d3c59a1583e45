/* pyinterpreter.h: which interpreter the calling thread is running in, and what it may do there.
 *
 *   main interpreter ──┬── its GIL ──► start, stop, shutdown, the allocator hooks, and the statics that these write
 *   legacy interpreter ┘
 *   isolated interpreter ── its own GIL (CPython 3.12 on) ──► reads only
 *
 * One engine serves the process, and PyMem_SetAllocator and PyCode_Type affect the whole process as well. Changing them
 * needs the main interpreter's GIL, which is the lock of every static that is written "with the main GIL". Readers in
 * isolated interpreters run at the same time, so everything they read is atomic or belongs to the engine.
 *
 * Threads: every function here needs the GIL of the calling thread's interpreter.
 */
#ifndef SP_PYINTERPRETER_H
#define SP_PYINTERPRETER_H

#include <stdbool.h>
#include <stdint.h>

bool sp_pyinterpreter_is_main_with_gil(void);

/* Return the interpreter's number, unique during the life of the process. */
int64_t sp_pyinterpreter_id_with_gil(void);

/* Return whether the GIL that the caller holds is the main interpreter's. */
bool sp_pyinterpreter_has_main_gil(void);

/* Like sp_pyinterpreter_has_main_gil(), but if the result is false, also set a RuntimeError that names the remedy.
 * `profiler` is "heap" or "CPU"; `function` is the function called, for example "start". */
bool sp_pyinterpreter_controls_with_gil(const char *profiler, const char *function);

#endif
