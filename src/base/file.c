#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

bool sp_file_open(sp_file *file, const char *path) {
    int saved_errno = errno;
    struct stat status;
    do file->descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    while (file->descriptor < 0 && errno == EINTR);
    bool plain = file->descriptor >= 0 && fstat(file->descriptor, &status) == 0 && S_ISREG(status.st_mode);
    if (plain) file->size = (uint64_t)status.st_size;
    if (!plain && file->descriptor >= 0) close(file->descriptor);
    errno = saved_errno;
    return plain;
}

/* Read once, retrying if a signal interrupts the call. Return how many bytes were read, 0 at the file's end or after
 * an error. */
static size_t read_some(const sp_file *file, uint64_t offset, void *out, size_t size) {
    ssize_t got;
    do got = pread(file->descriptor, out, size, (off_t)offset);
    while (got < 0 && errno == EINTR);
    return got > 0 ? (size_t)got : 0;
}

bool sp_file_read(const sp_file *file, uint64_t offset, void *out, size_t size) {
    if (offset > file->size || size > file->size - offset) return false;
    int saved_errno = errno;
    size_t done = 0, got = 1;
    for (; done < size && got > 0; done += got) got = read_some(file, offset + done, (char *)out + done, size - done);
    errno = saved_errno;
    return done == size;
}

void sp_file_close(sp_file *file) {
    int saved_errno = errno;
    close(file->descriptor);
    errno = saved_errno;
}
