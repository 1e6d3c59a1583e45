#include "mapped_list.h"

#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BUFFER_BYTES ((size_t)64 * 1024) /* a line has a path: 4 KiB and a hundred bytes at most */

/* With MS_ASYNC the kernel only looks whether there is a mapping. Not by libc's name: a thread that is to be cancelled
 * would end in it, and so in the program's own mremap. */
bool sp_mapped_list_has(uintptr_t start, size_t size) {
    int saved_errno = errno;
    bool mapped = syscall(SYS_msync, start, size, MS_ASYNC) == 0 || errno != ENOMEM;
    errno = saved_errno;
    return mapped;
}

static const char *read_hex(const char *at, uintptr_t *value) {
    for (*value = 0;; at++) {
        int digit = *at >= '0' && *at <= '9' ? *at - '0' : *at >= 'a' && *at <= 'f' ? *at - 'a' + 10 : -1;
        if (digit < 0) return at;
        *value = *value << 4 | (uintptr_t)digit;
    }
}

/* "start-end rwxp …". Returns how many bytes whole lines took. */
static size_t visit_lines(const char *text, size_t length, sp_mapped_visitor *visit, void *data) {
    const char *line = text, *end;
    while ((end = memchr(line, '\n', length - (size_t)(line - text))) != NULL) {
        uintptr_t first, behind;
        const char *at = read_hex(line, &first);
        if (*at == '-' && *read_hex(at + 1, &behind) == ' ') visit(data, first, behind);
        line = end + 1;
    }
    return (size_t)(line - text);
}

static bool visit_file(int file, char *buffer, sp_mapped_visitor *visit, void *data) {
    size_t held = 0;
    for (;;) {
        long got = syscall(SYS_read, file, buffer + held, BUFFER_BYTES - held);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return got == 0 && held == 0;
        held += (size_t)got;
        size_t taken = visit_lines(buffer, held, visit, data);
        held -= taken;
        memmove(buffer, buffer + taken, held);
    }
}

bool sp_mapped_list_visit(sp_mapped_visitor *visit, void *data) {
    int saved_errno = errno;
    char *buffer = sp_memory_map(BUFFER_BYTES);
    int file = buffer ? (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC, 0) : -1;
    bool whole = file >= 0 && visit_file(file, buffer, visit, data);
    if (file >= 0) syscall(SYS_close, file);
    if (buffer) sp_memory_unmap(buffer, BUFFER_BYTES);
    errno = saved_errno;
    return whole;
}
