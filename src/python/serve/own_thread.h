/* own_thread.h: a thread of ours alongside the program's, which must not exist during a fork.
 *
 * The thread is created in C, so that `threading` does not list it, and blocks all signals. CPython (3.12 and later)
 * counts the kernel's threads at a fork, so a join must also wait until the kernel no longer lists the thread.
 *
 * Threads: one at a time for each sp_own_thread. The GIL is not needed, and should not be held while joining.
 */
#ifndef SP_OWN_THREAD_H
#define SP_OWN_THREAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define SP_OWN_THREAD_NAME "spprof" /* the name that the kernel shows */

typedef struct sp_own_thread {
    pthread_t handle;
    _Atomic uint64_t kernel_id;
} sp_own_thread;

/* Set the thread's name and kernel id. `run` calls this first. */
void sp_own_thread_enter(sp_own_thread *thread);

/* Start the thread. Return false if it cannot be created. Its memory is not counted as the program's. */
bool sp_own_thread_start(sp_own_thread *thread, void *(*run)(void *));

/* Wait until the thread has ended, and then briefly until the kernel no longer counts it. */
void sp_own_thread_join(sp_own_thread *thread);

/* For own_thread.c: return whether the kernel still counts a thread of this process. May change errno. */
bool sp_own_thread_is_counted(uint64_t kernel_id);

#endif
