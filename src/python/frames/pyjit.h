/* pyjit.h: tells the engine which code the interpreter's JIT generated (3.14 on), so that stacks leave it out.
 *
 *   interpreter ──► executors ──► code of each       the interpreter's own list
 *   page of code ──hint──► executor                  so that the list is rarely walked; each answer is checked
 *
 * Memory:  static, 128 KiB, resident only where touched; without the JIT, no page is.
 * Threads: any, with or without the GIL: executors are read by spprof_copy, because another thread may free them.
 * Signals: safe, except for registering.
 * Full:    a new hint replaces an older one.
 */
#ifndef SP_PYJIT_H
#define SP_PYJIT_H

/* Register the check for generated code. Call this after the walker is set (sp_pyframes_register), on a thread that
 * is running inside the evaluation loop. Does nothing before 3.14. */
void sp_pyjit_register(void);

#endif
