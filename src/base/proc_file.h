/* proc_file.h: what the kernel reports to this process about itself, in /proc.
 *
 * The files are the calling thread's if the kernel has a folder for it (3.17), because the process's folder is empty
 * once its first thread has ended.
 *
 * Memory:  none. Signals: safe. errno: preserved. Uses no libc call that other libraries wrap.
 * Threads: any; several threads may read a file by position.
 */
#ifndef SP_PROC_FILE_H
#define SP_PROC_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Open /proc/thread-self/NAME and return its descriptor. Return -1 if there is no /proc, no descriptor is left, or
 * the file may not be read. */
int sp_proc_open(const char *name);
void sp_proc_close(int file);

/* Read once, retrying if a signal interrupts the call. Return how many bytes were read, 0 at the end, -1 after an
 * error. */
int64_t sp_proc_read(int file, void *out, size_t size);
int64_t sp_proc_read_at(int file, void *out, size_t size, uint64_t offset);

#endif
