/* path.h: the paths of the program and of its working folder. Threads, signals: any. May change errno. */
#ifndef SP_PATH_H
#define SP_PATH_H

#include <stdbool.h>
#include <stddef.h>

#define SP_PATH_MAX 4096

/* Write the path, terminated. Return false if the path does not fit or is unknown. */
bool sp_path_of_program(char *path, size_t capacity);
bool sp_path_of_folder(char *path, size_t capacity);

#endif
