#include "proc_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NAME_MAX_LENGTH 16

static int open_in(const char *folder, const char *name) {
    char path[sizeof "/proc/thread-self/" + NAME_MAX_LENGTH];
    stpcpy(stpcpy(path, folder), name);
    long file;
    do file = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    while (file < 0 && errno == EINTR);
    return (int)file;
}

int sp_proc_open(const char *name) {
    int saved_errno = errno, file = -1;
    if (strlen(name) <= NAME_MAX_LENGTH) {
        file = open_in("/proc/thread-self/", name);
        if (file < 0) file = open_in("/proc/self/", name);
    }
    errno = saved_errno;
    return file;
}

void sp_proc_close(int file) {
    int saved_errno = errno;
    syscall(SYS_close, file);
    errno = saved_errno;
}

int64_t sp_proc_read(int file, void *out, size_t size) {
    int saved_errno = errno;
    long got;
    do got = syscall(SYS_read, file, out, size);
    while (got < 0 && errno == EINTR);
    errno = saved_errno;
    return got;
}

int64_t sp_proc_read_at(int file, void *out, size_t size, uint64_t offset) {
    int saved_errno = errno;
    long got;
    do got = syscall(SYS_pread64, file, out, size, offset);
    while (got < 0 && errno == EINTR);
    errno = saved_errno;
    return got;
}
