/* thread.h: threads, as the kernel identifies them. Threads, signals: any. On macOS, ids are cut to 32 bits. */
#ifndef SP_THREAD_H
#define SP_THREAD_H

#include <stdbool.h>
#include <stdint.h>

/* Return the calling thread's id, as in threading.get_native_id(). Makes a system call. */
uint32_t sp_thread_kernel_id(void);

/* Return the process's id, as in os.getpid(). Makes a system call. */
uint32_t sp_process_id(void);

/* Return the end of the calling thread's stack, above its first frame. The thread may be running on another stack.
 * In a child forked by a thread other than the program's first, this is where the first thread's stack ended. (On
 * macOS it is still where the calling thread's stack ends.) */
uintptr_t sp_thread_stack_top(void);

/* Run `work` on a new thread that blocks all signals, so that none of the program's handlers runs there. Return
 * false if the thread could not be created. sp_thread_join waits for the thread to end. Allocates. */
typedef struct sp_thread {
    uint64_t handle;
} sp_thread;
bool sp_thread_start(sp_thread *thread, void *(*work)(void *));
void sp_thread_join(sp_thread *thread);

/* Let other threads run for about a millisecond. */
void sp_thread_pause(void);

/* Sleep for about `ns` nanoseconds, less than a second. Not a cancellation point. errno is preserved. */
void sp_thread_sleep(uint64_t ns);

/* Call this between system calls that each hold a kernel lock briefly, such as the lock on the list of mappings. It
 * sleeps briefly if all threads together have done such work for SP_WORK_NS since the last sleep. The reason: if a
 * thread's time slice ends inside such a call, the thread keeps the lock while it waits for a core, for tens of
 * milliseconds on a busy machine, and every thread that maps memory waits with it. A thread that has just slept has
 * a full slice ahead. errno is preserved. */
#define SP_WORK_NS 300000
void sp_thread_rest(void);

#endif
