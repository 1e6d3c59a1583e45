/* file.h: reading a plain file by position.
 *
 * Files are read, never mapped: one that is truncated meanwhile ends a read, where it would end the process.
 *
 * Memory:  none. errno is left as it was found.
 * Threads: any; a file may be read by several.
 */
#ifndef SP_FILE_H
#define SP_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sp_file {
    int descriptor;
    uint64_t size; /* when it was opened */
} sp_file;

/* False: it cannot be opened, or is not a plain file. Never waits, as opening a FIFO would. */
bool sp_file_open(sp_file *file, const char *path);

/* Reads exactly `size` bytes from `offset` on; false if there are not as many. */
bool sp_file_read(const sp_file *file, uint64_t offset, void *out, size_t size);

void sp_file_close(sp_file *file);

#endif
