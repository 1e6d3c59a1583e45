/* pyframes.h: the calling thread's Python frames, read from memory. There is one file per frame layout: pyframes_39.c …
 * pyframes_315.c. The build compiles the one that fits the interpreter.
 *
 *   thread state -> current frame -> previous -> … -> NULL        each frame: code object + position in it
 *                 └── one call of the C function that evaluates ──┘        its anchor: an address in that C frame
 *
 * The layouts share their walks as templates: headers that a layout includes once, in this order. Before each header,
 * the layout defines the names that the header's own comment lists. (Each header's name begins with pyframes_.)
 *
 *   3.9            3.10           3.11, 3.12              3.13 – 3.15
 *   ─────────────────────────────────────────────────────────────────────────────────────────────
 *   its frames     its frames     its frames              its frames
 *                                                         linked.h, which contains the rest:
 *                                 units.h                  ├─ units.h        positions in code units
 *   its calls      its calls      its calls                ├─ its calls
 *                  anchored.h     anchored.h               ├─ anchored.h     each call has an anchor
 *   walk.h         walk.h         walk.h                   ├─ walk.h         the walk for an allocation
 *                                 cframes.h                │                 calls that are linked by cframes
 *                                  └─ tick.h               ├─ tick.h         the walk for a tick (a signal)
 *   (tick's walk   (tick's walk   where a call ends        └─ where a call ends
 *   is the same)   is the same)
 *
 * Memory:  walking creates no objects and calls nothing that allocates.
 * Threads: the walk reads the calling thread's own state (PyGILState_GetThisThreadState), never the state that happens
 *          to be current. It takes no GIL, so it also works in C code that has released it. A thread without a state
 *          (a native one) has no frames.
 * Signals: only sp_pyframes_walk_tick is safe.
 * Full:    see spprof_walker in spprof/stacks.h.
 */
#ifndef SP_PYFRAMES_H
#define SP_PYFRAMES_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spprof.h"

/* Register the walk with the engine and, if the frames have no anchors, the code ranges of the evaluation loop. Call
 * this before the first sample is taken; it is safe to call repeatedly. */
void sp_pyframes_register(void);

/* An spprof_walker. Its positions are in the unit that sp_pyframes_line expects. */
size_t sp_pyframes_walk(uint64_t *words, size_t capacity, bool *depth_limited);

/* An spprof_tick_walker. */
size_t sp_pyframes_walk_tick(const spprof_interrupted *interrupted, uint64_t *words, size_t capacity,
                             bool *depth_limited);

/* Return how many of the calling thread's innermost frames run these codes, in this order, at these positions (in
 * bytes of code). Needs a GIL; not for use in a handler. */
#define SP_PYFRAMES_ANYWHERE (-1)
size_t sp_pyframes_meet(PyCodeObject *const *codes, const int *positions, size_t count);

/* Return the line of `position` in `code`, as a traceback would show it, decoded from the code's copied position
 * table. Compiler-generated code has no line there, so it gets the line of the code before it (pylines.h). */
int sp_pyframes_line(const spprof_code *code, uint32_t position);

#endif
