/* library.h: this library's own file.
 *
 * Memory: static. Threads: runs in a constructor, before the library is used.
 */
#ifndef SP_LIBRARY_H
#define SP_LIBRARY_H

#define SP_LIBRARY_PATH_MAX 4096

/* Do what the system needs once the path is known: spprof_library_path(), or "". */
void sp_library_found(const char *path);

#endif
