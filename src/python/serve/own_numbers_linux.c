#include "own_numbers.h"

#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Makes system calls directly, because libc's wrappers may be hooked. Reads the calling thread's folder in /proc,
 * because the process's folder is empty once its first thread has ended. */
static void read_file(const char *path, char *text, size_t size) {
    long file = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    long bytes = file >= 0 ? syscall(SYS_read, file, text, size - 1) : 0;
    text[bytes > 0 ? bytes : 0] = '\0';
    if (file >= 0) syscall(SYS_close, file);
}

/* Return the number that follows this many spaces. */
static uint64_t number_after(const char *text, int spaces) {
    uint64_t number = 0;
    for (; text && spaces > 0; spaces--) {
        text = strchr(text, ' ');
        if (text) text++;
    }
    for (; text && *text >= '0' && *text <= '9'; text++) number = number * 10 + (uint64_t)(*text - '0');
    return number;
}

/* proc(5): the third field, after the name in brackets, is the state, and the 20th is the number of threads. */
#define FROM_NAME_TO_THREADS 18

static uint64_t thread_count(void) {
    char stat[512];
    read_file("/proc/thread-self/stat", stat, sizeof stat);
    return number_after(strrchr(stat, ')'), FROM_NAME_TO_THREADS);
}

static uint64_t rss_bytes(void) {
    char statm[128];
    read_file("/proc/thread-self/statm", statm, sizeof statm);
    return number_after(statm, 1) * (uint64_t)sysconf(_SC_PAGESIZE);
}

void sp_own_numbers_ask_kernel(sp_own_numbers *numbers) {
    numbers->threads = thread_count();
    numbers->rss_bytes = rss_bytes();
}
