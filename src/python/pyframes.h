/* pyframes.h: the calling thread's Python frames, read from memory. One file a frame layout: pyframes_39.c … pyframes_314.c;
 * the build compiles the one that fits the interpreter.
 *
 *   thread state -> current frame -> previous -> … -> NULL        each frame: code object + position in it
 *                 └── one call of the C function that evaluates ──┘        its anchor: an address in that C frame
 *
 * Memory:  walking creates no objects and calls nothing that allocates.
 * Threads: the walk reads the calling thread's own state (PyGILState_GetThisThreadState), never the state that happens
 *          to be current, and takes no GIL: also right in C code that has released it. A thread without a state
 *          (a native one) has no frames.
 * Signals: sp_pyframes_walk_tick alone.
 * Full:    see spprof_walker in spprof.h.
 */
#ifndef SP_PYFRAMES_H
#define SP_PYFRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spprof.h"

/* Registers the walk with the engine and, where the frames tell no anchors, where the evaluation loop lies. Before the
 * first sample is taken; again does no harm. */
void sp_pyframes_register(void);

/* An spprof_walker. Positions are in the unit of sp_pyframes_line. */
size_t sp_pyframes_walk(uint64_t *words, size_t capacity, bool *cut);

/* An spprof_tick_walker. */
size_t sp_pyframes_walk_tick(const spprof_interrupted *interrupted, uint64_t *words, size_t capacity, bool *cut);

/* The line of `position` in `code`, decoded from the code's copied position table: what a traceback would show. Code that
 * the compiler made up has no line there and gets that of the code before it (pylines.h). */
int sp_pyframes_line(const spprof_code *code, uint32_t position);

#endif
