/* path.h: where the program and its working folder are. Threads, signals: any. May change errno. */
#ifndef SP_PATH_H
#define SP_PATH_H

#include <stdbool.h>
#include <stddef.h>

#define SP_PATH_MAX 4096

/* Terminated; false: it does not fit, or cannot be told. */
bool sp_path_of_program(char *path, size_t capacity);
bool sp_path_of_folder(char *path, size_t capacity);

#endif
