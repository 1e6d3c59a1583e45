/* this_thread.h: the calling thread's state, on macOS.
 *
 * Not a thread-local variable: the loader allocates those by malloc when a thread first uses them. That call would be
 * reported to our logger, which would use the variable again; and a signal may interrupt malloc itself.
 */
#ifndef SPPROF_THIS_THREAD_H
#define SPPROF_THIS_THREAD_H

#include "spprof/api.h"
#include "spprof/thread_state.h"

/* Return the calling thread's state, zeroed at its first use. If there is no memory, return a state that all such
 * threads share; its guard is never 0 and keeps them outside the engine. errno is preserved. Signals: safe. (`pure`,
 * not `const`: the compiler asks again after any call, which may have moved the code to another thread.) */
SPPROF_API spprof_thread *spprof_find_this_thread(void) __attribute__((pure));

#define spprof_this_thread (*spprof_find_this_thread())

#endif
