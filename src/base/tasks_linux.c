#include "tasks.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Raw system calls: opendir allocates, and open may be wrapped by another library. */

#define FOLDER "/proc/self/task"

static int open_path(const char *path, int flags) {
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_RDONLY | O_CLOEXEC, 0);
}

static void close_file(int file) {
    syscall(SYS_close, file);
}

/* ---- The list ---- */

typedef struct entry {
    uint64_t inode, offset;
    uint16_t length;
    uint8_t type;
    char name[];
} entry;

/* Return 0 if the name is not a number, as with "." and "..". */
static uint32_t number_of(const char *text) {
    uint32_t number = 0;
    for (; *text >= '0' && *text <= '9'; text++) number = number * 10 + (uint32_t)(*text - '0');
    return number;
}

static void visit_entries(const char *entries, long bytes, sp_task_visitor *visit, void *data) {
    for (long at = 0; at < bytes;) {
        const entry *one = (const entry *)(entries + at);
        uint32_t thread_id = number_of(one->name);
        if (thread_id != 0) visit(thread_id, data);
        at += one->length;
    }
}

static bool each(sp_task_visitor *visit, void *data) {
    _Alignas(entry) char entries[1024];
    int folder = open_path(FOLDER, O_DIRECTORY);
    if (folder < 0) return false;
    long bytes;
    while ((bytes = syscall(SYS_getdents64, folder, entries, sizeof entries)) > 0)
        visit_entries(entries, bytes, visit, data);
    close_file(folder);
    return bytes == 0;
}

bool sp_tasks_each(sp_task_visitor *visit, void *data) {
    int saved_errno = errno;
    bool whole = each(visit, data);
    errno = saved_errno;
    return whole;
}

/* The folder's link count: one for each folder in it, one from above and one for itself. */
uint32_t sp_tasks_count(void) {
    int saved_errno = errno;
    struct stat status;
    bool known = stat(FOLDER, &status) == 0 && status.st_nlink > 2;
    errno = saved_errno;
    return known ? (uint32_t)status.st_nlink - 2 : 0;
}

/* ---- One thread ---- */

#define PATH_SIZE 48

static void write_path(char path[PATH_SIZE], uint32_t thread_id, const char *file) {
    char digits[12];
    size_t at = sizeof digits;
    digits[--at] = '\0';
    do {
        digits[--at] = (char)('0' + thread_id % 10);
        thread_id /= 10;
    } while (thread_id != 0);
    char *end = stpcpy(path, FOLDER "/");
    end = stpcpy(end, digits + at);
    end = stpcpy(end, "/");
    stpcpy(end, file);
}

/* Read as much as fits, and terminate it. */
static void read_file(char *text, size_t size, uint32_t thread_id, const char *name) {
    char path[PATH_SIZE];
    write_path(path, thread_id, name);
    text[0] = '\0';
    int file = open_path(path, 0);
    if (file < 0) return;
    long bytes = syscall(SYS_read, file, text, size - 1);
    text[bytes > 0 ? bytes : 0] = '\0';
    close_file(file);
}

/* The calling thread's own name can be read without opening a file. */
void sp_task_name(uint32_t thread_id, char name[SP_TASK_NAME_SIZE]) {
    int saved_errno = errno;
    char line[SP_TASK_NAME_SIZE + 1]; /* including the newline */
    if (thread_id == (uint32_t)syscall(SYS_gettid) && syscall(SYS_prctl, PR_GET_NAME, name, 0UL, 0UL, 0UL) == 0) return;
    errno = saved_errno;
    read_file(line, sizeof line, thread_id, "comm");
    line[strcspn(line, "\n")] = '\0';
    strcpy(name, line);
    errno = saved_errno;
}

/* "12 (a name (of any kind)) S 1 …" */
static void read_stat(const char *stat, sp_task *task) {
    const char *begin = strchr(stat, '('), *end = strrchr(stat, ')');
    size_t length = begin && end ? (size_t)(end - begin) - 1 : 0;
    if (length >= SP_TASK_NAME_SIZE) length = SP_TASK_NAME_SIZE - 1;
    if (length > 0) memcpy(task->name, begin + 1, length);
    task->name[length] = '\0';
    task->state = end && end[1] == ' ' ? end[2] : '\0';
}

/* The kernel writes "0" for a running thread, and for all threads if it does not report this. */
void sp_task_look(uint32_t thread_id, sp_task *task) {
    int saved_errno = errno;
    char stat[512];
    read_file(stat, sizeof stat, thread_id, "stat");
    read_stat(stat, task);
    read_file(task->waits_in, sizeof task->waits_in, thread_id, "wchan");
    if (task->waits_in[0] == '0') task->waits_in[0] = '\0';
    errno = saved_errno;
}

static uint64_t hexadecimal(const char *text) {
    uint64_t number = 0;
    for (;; text++) {
        if (*text >= '0' && *text <= '9')
            number = number << 4 | (uint64_t)(*text - '0');
        else if (*text >= 'a' && *text <= 'f')
            number = number << 4 | (uint64_t)(*text - 'a' + 10);
        else
            return number;
    }
}

bool sp_task_blocks(uint32_t thread_id, int signal_number) {
    int saved_errno = errno;
    char status[2048];
    read_file(status, sizeof status, thread_id, "status");
    const char *field = strstr(status, "\nSigBlk:\t");
    errno = saved_errno;
    return field && hexadecimal(field + strlen("\nSigBlk:\t")) >> (signal_number - 1) & 1;
}
