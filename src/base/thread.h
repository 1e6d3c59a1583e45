/* thread.h: what the kernel calls a thread. Threads, signals: any. */
#ifndef SP_THREAD_H
#define SP_THREAD_H

#include <stdint.h>

/* The calling thread's id, as in threading.get_native_id(). A system call. */
uint32_t sp_thread_kernel_id(void);

/* Where the calling thread's stack ends: above its first frame. What it runs on may be another stack; and in a child that was
 * forked by another thread than the program's first, this says where that one's ended. */
uintptr_t sp_thread_stack_top(void);

/* Lets others run for about a millisecond. */
void sp_thread_pause(void);

#endif
