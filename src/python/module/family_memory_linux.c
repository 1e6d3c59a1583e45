#include "family_memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NAME "spprof-family"
#define TARGET "/memfd:" NAME " (deleted)"
#define DESCRIPTOR_FROM 40 /* programs may expect low descriptor numbers to be free */

#ifndef MFD_CLOEXEC
#define MFD_CLOEXEC 1U
#define MFD_ALLOW_SEALING 2U
#endif
#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#define F_SEAL_SEAL 1
#define F_SEAL_SHRINK 2
#endif

static int creators = -1; /* the descriptor that is the door of this process's memory */

int sp_family_memory_create(sp_family_door *door, size_t bytes) {
    door->number = -1;
    int low = (int)syscall(SYS_memfd_create, NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (low < 0) return -1;
    int high = fcntl(low, F_DUPFD_CLOEXEC, DESCRIPTOR_FROM);
    close(low);
    if (high < 0) return -1;
    if (ftruncate(high, (off_t)bytes) == 0 && fcntl(high, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL) == 0)
        return creators = door->number = high;
    close(high);
    return -1;
}

static void write_path(const sp_family_door *door, char *path, size_t size) {
    snprintf(path, size, "/proc/%d/fd/%d", door->pid, door->number);
}

/* Return whether a path in /proc leads to memory of ours. Opening any other file could block or have side effects. */
static bool is_memory_of_ours(const char *path) {
    char target[sizeof TARGET];
    ssize_t length = readlink(path, target, sizeof target);
    return length == sizeof target - 1 && memcmp(target, TARGET, (size_t)length) == 0;
}

static bool has_size(int file, size_t bytes) {
    struct stat status;
    return fstat(file, &status) == 0 && status.st_size == (off_t)bytes;
}

int sp_family_memory_open(const sp_family_door *door, size_t bytes) {
    char path[64];
    write_path(door, path, sizeof path);
    int opened = is_memory_of_ours(path) ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (opened < 0 || has_size(opened, bytes)) return opened;
    close(opened);
    return -1;
}

void sp_family_memory_close(int descriptor) {
    if (descriptor >= 0 && descriptor != creators) close(descriptor);
}

void sp_family_memory_inherit(const sp_family_door *door) {
    creators = door->number;
    fcntl(creators, F_SETFD, FD_CLOEXEC);
}

bool sp_family_memory_is_there(const sp_family_door *door) {
    char path[64];
    write_path(door, path, sizeof path);
    return is_memory_of_ours(path);
}

/* The program may have closed the descriptor and reused its number. */
void sp_family_memory_hand_over(const sp_family_door *door) {
    if (sp_family_memory_is_there(door)) fcntl(door->number, F_SETFD, 0);
}

void sp_family_memory_read(const sp_family_door *door) {
    (void)door; /* the memory ends with its last process */
}
