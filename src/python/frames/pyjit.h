/* pyjit.h: which code the interpreter's JIT has generated (3.14 on), told to the engine, which leaves it out of stacks.
 *
 *   interpreter ──► executors ──► code of each       the interpreter's own list
 *   page of code ──hint──► executor                  so that the list is seldom walked; each answer is checked
 *
 * Memory:  static, 128 KiB, resident where touched, which is nowhere without the JIT.
 * Threads: any, with or without the GIL: executors are read by spprof_copy, as another thread may free them.
 * Signals: safe, but for registering.
 * Full:    a hint takes an older one's place.
 */
#ifndef SP_PYJIT_H
#define SP_PYJIT_H

/* Behind the walker (sp_pyframes_register), by a thread that the evaluation loop has called. Before 3.14 it does
 * nothing. */
void sp_pyjit_register(void);

#endif
