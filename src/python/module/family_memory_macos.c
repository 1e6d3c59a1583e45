#include "family_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_SIZE 32 /* the kernel's limit */

static pid_t creator; /* 0: this process has created nothing, or has removed it */
static char name_at_exit[NAME_SIZE];

static void write_name(const sp_family_door *door, char name[NAME_SIZE]) {
    snprintf(name, NAME_SIZE, "/spprof-%016llx", (unsigned long long)door->mark);
}

static void remove_at_exit(void) {
    if (creator == getpid()) shm_unlink(name_at_exit);
}

void sp_family_memory_inherit(const sp_family_door *door) {
    static bool is_registered;
    write_name(door, name_at_exit);
    creator = getpid();
    if (!is_registered) is_registered = atexit(remove_at_exit) == 0;
}

int sp_family_memory_create(sp_family_door *door, size_t bytes) {
    char name[NAME_SIZE];
    door->number = -1;
    write_name(door, name);
    int file = shm_open(name, O_RDWR | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR);
    if (file < 0) return -1;
    if (ftruncate(file, (off_t)bytes) == 0) {
        door->number = 0;
        sp_family_memory_inherit(door);
        return file;
    }
    close(file);
    shm_unlink(name);
    return -1;
}

/* The kernel rounds the size up to whole pages. */
static bool is_of_this_user(int file, size_t bytes) {
    struct stat status;
    return fstat(file, &status) == 0 && status.st_uid == geteuid() && status.st_size >= (off_t)bytes;
}

static bool is_running(pid_t pid) {
    return kill(pid, 0) == 0 || errno != ESRCH;
}

int sp_family_memory_open(const sp_family_door *door, size_t bytes) {
    char name[NAME_SIZE];
    write_name(door, name);
    int file = shm_open(name, O_RDWR);
    if (file < 0) return -1;
    bool is_ours = is_of_this_user(file, bytes), is_orphan = is_ours && !is_running(door->pid);
    if (is_ours && !is_orphan) return file;
    close(file);
    if (is_orphan) shm_unlink(name); /* its creator was killed */
    return -1;
}

void sp_family_memory_close(int descriptor) {
    if (descriptor >= 0) close(descriptor);
}

bool sp_family_memory_is_there(const sp_family_door *door) {
    char name[NAME_SIZE];
    write_name(door, name);
    int file = door->number < 0 ? -1 : shm_open(name, O_RDWR);
    if (file >= 0) close(file);
    return file >= 0;
}

void sp_family_memory_hand_over(const sp_family_door *door) {
    (void)door; /* the name stays, and exec calls nothing at exit */
}

void sp_family_memory_read(const sp_family_door *door) {
    (void)door;
    remove_at_exit();
    creator = 0;
}
