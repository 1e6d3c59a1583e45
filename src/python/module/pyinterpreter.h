/* pyinterpreter.h: in which interpreter the calling thread runs, and what it may do there.
 *
 *   main interpreter ─┬─ its GIL ── start, stop, shutdown, the allocator hooks, everything static that those write
 *   legacy ones ──────┘
 *   isolated one ─────── a GIL of its own (CPython 3.12 on): reads only
 *
 * One engine serves the process, and PyMem_SetAllocator and PyCode_Type are the process's. What changes them needs the main
 * interpreter's GIL, which is the lock of all that is written here "with the main GIL". Readers in isolated interpreters run at the
 * same time: what they read is atomic, or the engine's.
 *
 * Threads: every function here needs the GIL of the calling thread's interpreter.
 */
#ifndef SP_PYINTERPRETER_H
#define SP_PYINTERPRETER_H

#include <stdbool.h>
#include <stdint.h>

bool sp_pyinterpreter_is_main_with_gil(void);

/* No other interpreter of the process's life has had this number. */
int64_t sp_pyinterpreter_id_with_gil(void);

/* Whether the GIL that the caller holds is the main interpreter's. */
bool sp_pyinterpreter_has_main_gil(void);

/* The same; if not, also a RuntimeError that names the remedy. `profiler`: "heap" or "CPU"; `function`: "start". */
bool sp_pyinterpreter_controls_with_gil(const char *profiler, const char *function);

#endif
