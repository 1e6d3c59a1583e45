#include "path.h"

#include <sys/syscall.h>
#include <unistd.h>

bool sp_path_of_program(char *path, size_t capacity) {
    ssize_t length = readlink("/proc/self/exe", path, capacity - 1);
    if (length <= 0 || (size_t)length >= capacity - 1) return false;
    path[length] = '\0';
    return true;
}

/* libc's function may allocate. The path of a folder outside the root begins with a parenthesis. */
bool sp_path_of_folder(char *path, size_t capacity) {
    return syscall(SYS_getcwd, path, capacity) > 0 && path[0] == '/';
}
