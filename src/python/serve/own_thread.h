/* own_thread.h: a thread of ours beside the program's, which a fork must not find.
 *
 * Made in C, so that `threading` does not list it; it blocks all signals. CPython (3.12 and later) counts the kernel's
 * threads at a fork, so one that is joined must be gone for the kernel as well.
 *
 * Threads: one at a time for each sp_own_thread. The GIL is not needed; nobody should hold it while joining.
 */
#ifndef SP_OWN_THREAD_H
#define SP_OWN_THREAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#define SP_OWN_THREAD_NAME "spprof" /* for the kernel */

typedef struct sp_own_thread {
    pthread_t handle;
    _Atomic pid_t kernel_id;
} sp_own_thread;

/* Called first by `run` itself: its name, and its kernel id. */
void sp_own_thread_enter(sp_own_thread *thread);

/* False: there is none. What it takes is none of the program's memory. */
bool sp_own_thread_start(sp_own_thread *thread, void *(*run)(void *));

/* Waits for its end, and then for a moment until the kernel no longer counts it. */
void sp_own_thread_join(sp_own_thread *thread);

#endif
