/* file.h: reading a regular file by position.
 *
 * Files are read, never mapped: if a file is truncated in the meantime, a read merely ends early, whereas accessing a
 * mapping would end the process.
 *
 * Memory:  none. errno is preserved.
 * Threads: any; several threads may read a file.
 */
#ifndef SP_FILE_H
#define SP_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sp_file {
    int descriptor;
    uint64_t size; /* size when it was opened */
} sp_file;

/* Open a file. Return false if it cannot be opened or is not a regular file. Never waits, unlike opening a FIFO. */
bool sp_file_open(sp_file *file, const char *path);

/* Read exactly `size` bytes, beginning at `offset`. Return false if there are fewer. */
bool sp_file_read(const sp_file *file, uint64_t offset, void *out, size_t size);

void sp_file_close(sp_file *file);

#endif
