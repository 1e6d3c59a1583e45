/* stacks_text.h: the current stack of every thread in the process, as human-readable text.
 *
 *   process 4711: app.py, Python 3.12.3, spprof 0.4.0
 *
 *   thread 4711 "python3" (running)
 *     handle (app.py:12)
 *     list_sort+0x8f (libpython3.12.so.1.0)
 *     <module> (app.py:30)
 *
 * Call spprof_thread_stacks_prepare (_engine.prepare_stacks) first.
 *
 * Memory:  the text, and as much again while it is built. Threads: any, without the GIL; the calling one is not shown.
 * Signals: not in a handler. errno: left alone.
 */
#ifndef SP_STACKS_TEXT_H
#define SP_STACKS_TEXT_H

#include "buffer.h"

/* Waits at most half a second for threads that do not answer. */
__attribute__((visibility("default"))) void sp_stacks_text(sp_buffer *to); /* tests call it without Python */

#endif
