/* thread_macos.h: what macOS's files of base share about threads.
 *
 * Threads, signals: any, unless noted.
 */
#ifndef SP_THREAD_MACOS_H
#define SP_THREAD_MACOS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/proc_info.h>

/* Return the calling thread's block of SP_THREAD_BLOCK_BYTES, all zero in a new thread. A thread for which there was no
 * memory gets NULL as long as it lives. errno is preserved. */
void *sp_thread_block_of_self(void);

/* Ask the kernel about a thread of this process. Return false if it has ended. May change errno. */
bool sp_thread_ask_kernel(uint32_t thread_id, struct proc_threadinfo *info);

#endif
