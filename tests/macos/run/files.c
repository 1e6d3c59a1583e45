/* files.c: Apple's calls about files, on Linux. */
#include "apple.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

FILE *mac___stdoutp, *mac___stderrp, *mac___stdinp;

static __attribute__((constructor)) void set_streams(void) {
    mac___stdinp = stdin;
    mac___stdoutp = stdout;
    mac___stderrp = stderr;
}

static int linux_flags(int flags) {
    int result = flags & 3; /* O_RDONLY, O_WRONLY, O_RDWR */
    if (flags & APPLE_O_NONBLOCK) result |= O_NONBLOCK;
    if (flags & APPLE_O_APPEND) result |= O_APPEND;
    if (flags & APPLE_O_NOFOLLOW) result |= O_NOFOLLOW;
    if (flags & APPLE_O_CREAT) result |= O_CREAT;
    if (flags & APPLE_O_TRUNC) result |= O_TRUNC;
    if (flags & APPLE_O_EXCL) result |= O_EXCL;
    if (flags & APPLE_O_NOCTTY) result |= O_NOCTTY;
    if (flags & APPLE_O_DIRECTORY) result |= O_DIRECTORY;
    if (flags & APPLE_O_CLOEXEC) result |= O_CLOEXEC;
    return result;
}

int mac_open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    unsigned mode = flags & APPLE_O_CREAT ? va_arg(rest, unsigned) : 0;
    va_end(rest);
    return open(path, linux_flags(flags), mode);
}

static apple_timespec time_of(const struct timespec *from) {
    return (apple_timespec){from->tv_sec, from->tv_nsec};
}

/* The bits of a mode are the same. */
static int tell(int result, const struct stat *from, apple_stat *to) {
    if (result != 0) return result;
    *to = (apple_stat){.device = (int32_t)from->st_dev,
                       .mode = (uint16_t)from->st_mode,
                       .links = (uint16_t)from->st_nlink,
                       .inode = from->st_ino,
                       .user = from->st_uid,
                       .group = from->st_gid,
                       .accessed = time_of(&from->st_atim),
                       .modified = time_of(&from->st_mtim),
                       .changed = time_of(&from->st_ctim),
                       .size = from->st_size,
                       .blocks = from->st_blocks,
                       .block_size = (int32_t)from->st_blksize};
    return 0;
}

int mac_fstat(int file, apple_stat *out) {
    struct stat status;
    return tell(fstat(file, &status), &status, out);
}

int mac_stat(const char *path, apple_stat *out) {
    struct stat status;
    return tell(stat(path, &status), &status, out);
}

int mac_lstat(const char *path, apple_stat *out) {
    struct stat status;
    return tell(lstat(path, &status), &status, out);
}

int mac_fcntl(int file, int command, ...) {
    va_list rest;
    va_start(rest, command);
    intptr_t argument = va_arg(rest, intptr_t);
    va_end(rest);
    char link[64];
    int64_t length;
    switch (command) {
    case APPLE_F_DUPFD:
        return fcntl(file, F_DUPFD, (int)argument);
    case APPLE_F_DUPFD_CLOEXEC:
        return fcntl(file, F_DUPFD_CLOEXEC, (int)argument);
    case APPLE_F_GETFD:
        return fcntl(file, F_GETFD);
    case APPLE_F_SETFD:
        return fcntl(file, F_SETFD, (int)argument);
    case APPLE_F_GETPATH:
        snprintf(link, sizeof link, "/proc/self/fd/%d", file);
        length = readlink(link, (char *)argument, 1023);
        if (length >= 0) ((char *)argument)[length] = '\0';
        return length < 0 ? -1 : 0;
    default:
        errno = EINVAL;
        return -1;
    }
}
