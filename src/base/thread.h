/* thread.h: what the kernel calls a thread. Threads, signals: any. */
#ifndef SP_THREAD_H
#define SP_THREAD_H

#include <stdbool.h>
#include <stdint.h>

/* The calling thread's id, as in threading.get_native_id(). A system call. */
uint32_t sp_thread_kernel_id(void);

/* The process's, as in os.getpid(). A system call. */
uint32_t sp_process_id(void);

/* Where the calling thread's stack ends: above its first frame. What it runs on may be another stack; and in a child
 * that was forked by another thread than the program's first, this says where that one's ended. */
uintptr_t sp_thread_stack_top(void);

/* Runs `work` on a new thread that blocks all signals, so that no handler of the program's runs there. False: there is
 * none. sp_thread_join waits for its end. Allocates. */
typedef struct sp_thread {
    uint64_t handle;
} sp_thread;
bool sp_thread_start(sp_thread *thread, void *(*work)(void *));
void sp_thread_join(sp_thread *thread);

/* Lets others run for about a millisecond. */
void sp_thread_pause(void);

/* Between system calls that hold a lock of the kernel's for a moment each, as that of the list of mappings: sleeps for
 * a moment if all threads together have been at it for SP_WORK_NS since the last one. A thread whose time slice ends
 * inside such a call keeps the lock while it waits for a core, for tens of milliseconds on a busy machine, and
 * everyone who maps memory waits with it; whoever has just slept has a slice ahead. Leaves errno alone. */
#define SP_WORK_NS 300000
void sp_thread_rest(void);

#endif
