/* thread.h: what the kernel calls a thread. Threads, signals: any. */
#ifndef SP_THREAD_H
#define SP_THREAD_H

#include <stdint.h>

/* The calling thread's id, as in threading.get_native_id(). A system call. */
uint32_t sp_thread_kernel_id(void);

/* Where the calling thread's stack may end: above the first frame of a program's main thread, and of any other. Which of
 * the two holds, and whether this is the thread's own stack at all, is for the caller to find out. */
#define SP_THREAD_STACK_TOPS 2
void sp_thread_stack_tops(uintptr_t tops[SP_THREAD_STACK_TOPS]);

/* Lets others run for about a millisecond. */
void sp_thread_pause(void);

#endif
