/* process.c: Apple's calls about processes, on Linux. Only this process is known. */
#include "process.h"

#include "apple.h"
#include "clocks.h"
#include "image.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

uint64_t mac___stack_chk_guard = 0x00BADC0FFEE0DD00;

static int task_info(void *out, int bytes) {
    uint64_t pages = 0, resident = 0;
    if (bytes < (int)sizeof(apple_process_task)) return 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file && fscanf(file, "%lu %lu", &pages, &resident) != 2) pages = resident = 0;
    if (file) fclose(file);
    *(apple_process_task *)out = (apple_process_task){.virtual_size = pages * 4096,
                                                      .resident_size = resident * 4096,
                                                      .total_user = clocks_ticks_of(clocks_process_ns()),
                                                      .thread_count = threads_count()};
    return sizeof(apple_process_task);
}

static int thread_by_id(uint64_t id, void *out, int bytes) {
    if (bytes < (int)sizeof(apple_process_thread)) {
        errno = ENOMEM;
        return 0;
    }
    if (thread_describe((int)id, out)) return sizeof(apple_process_thread);
    errno = ESRCH;
    return 0;
}

/* Return how many bytes were written, or 0 and errno. */
int mac_proc_pidinfo(int process, int flavor, uint64_t argument, void *out, int bytes) {
    if (process != getpid()) {
        errno = ESRCH;
        return 0;
    }
    switch (flavor) {
    case APPLE_PIDLISTTHREADIDS:
        return threads_list_64(out, bytes / 8) * 8;
    case APPLE_PIDTHREADID64INFO:
        return thread_by_id(argument, out, bytes);
    case APPLE_PIDTHREADINFO:
        return thread_by_id(argument >> 12, out, bytes); /* threads.c: the handle */
    case APPLE_PIDTASKINFO:
        return task_info(out, bytes);
    case APPLE_PIDREGIONINFO:
        return mac_process_region(argument, out, bytes, REGION);
    case APPLE_PIDREGIONPATHINFO:
        return mac_process_region(argument, out, bytes, REGION_WITH_PATH);
    case APPLE_PIDREGIONPATHINFO2:
        return mac_process_region(argument, out, bytes, REGION_OF_FILE);
    default:
        fprintf(stderr, "run_macho: proc_pidinfo is asked for %d, which is not implemented here\n", flavor);
        errno = EINVAL;
        return 0;
    }
}

int mac_proc_pidpath(int process, char *out, uint32_t bytes) {
    if (process != getpid()) return 0;
    return snprintf(out, bytes, "%s", images_at(0)->path);
}

int mac_proc_regionfilename(int process, uint64_t address, char *out, uint32_t bytes) {
    unsigned char info[4096] = {0};
    if (process != getpid() || mac_process_region(address, info, 96 + 1176, REGION_WITH_PATH) == 0) return 0;
    return snprintf(out, bytes, "%s", (char *)info + 96 + 1176 - 1024);
}

/* The one fact that is asked for is where dyld is, which is not here. */
int mac_task_info(uint32_t task, uint32_t flavor, void *out, uint32_t *words) {
    (void)task, (void)flavor, (void)out, (void)words;
    return APPLE_KERN_INVALID_ARGUMENT;
}

void mac_arc4random_buf(void *out, size_t size) {
    if (getrandom(out, size, 0) != (ssize_t)size) memset(out, 0, size);
}

uint32_t mac_arc4random(void) {
    uint32_t word;
    mac_arc4random_buf(&word, sizeof word);
    return word;
}

int mac_getentropy(void *out, size_t size) {
    return getentropy(out, size);
}

/* The layouts are the same; the largest size is in bytes. */
int mac_getrusage(int who, struct rusage *out) {
    int result = getrusage(who, out);
    out->ru_maxrss *= 1024;
    return result;
}

int64_t mac_sysconf(int name) {
    switch (name) {
    case APPLE_SC_PAGESIZE:
        return sysconf(_SC_PAGESIZE);
    case APPLE_SC_NPROCESSORS_CONF:
        return sysconf(_SC_NPROCESSORS_CONF);
    case APPLE_SC_NPROCESSORS_ONLN:
        return sysconf(_SC_NPROCESSORS_ONLN);
    default:
        errno = EINVAL;
        return -1;
    }
}

__attribute__((noreturn)) void mac___stack_chk_fail(void) {
    fprintf(stderr, "run_macho: the stack is smashed\n");
    _exit(134);
}

void mac___assert_rtn(const char *function, const char *file, int line, const char *text) {
    fprintf(stderr, "%s:%d: %s: assertion failed: %s\n", file, line, function, text);
    _exit(134);
}

/* Fortified variants only add a size. */
void *mac___memcpy_chk(void *to, const void *from, size_t size, size_t room) {
    (void)room;
    return memcpy(to, from, size);
}

char *mac___strcpy_chk(char *to, const char *from, size_t room) {
    (void)room;
    return strcpy(to, from);
}

char *mac___strcat_chk(char *to, const char *from, size_t room) {
    (void)room;
    return strcat(to, from);
}

void *mac___memset_chk(void *to, int byte, size_t size, size_t room) {
    (void)room;
    return memset(to, byte, size);
}
void mac___bzero(void *to, size_t size) {
    memset(to, 0, size);
}

void mac_memset_pattern16(void *to, const void *pattern, size_t size) {
    for (size_t i = 0; i < size; i++) ((char *)to)[i] = ((const char *)pattern)[i % 16];
}
