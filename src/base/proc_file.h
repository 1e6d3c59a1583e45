/* proc_file.h: what the kernel tells this process about itself, in /proc.
 *
 * Of the calling thread where the kernel has its folder (3.17): that of the process is empty once the thread that began
 * it has ended.
 *
 * Memory:  none. Signals: safe. errno: left alone. No call of libc's that others wrap.
 * Threads: any; a file may be read by several by position.
 */
#ifndef SP_PROC_FILE_H
#define SP_PROC_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A descriptor of /proc/thread-self/NAME; -1: there is no /proc, no descriptor left, or no right to read it. */
int sp_proc_open(const char *name);
void sp_proc_close(int file);

/* One read, tried again when a signal interrupts it: how many bytes, 0 at the end, -1 after an error. */
int64_t sp_proc_read(int file, void *out, size_t size);
int64_t sp_proc_read_at(int file, void *out, size_t size, uint64_t offset);

#endif
