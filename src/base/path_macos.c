#include "path.h"

#include <libproc.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool copy(char *path, size_t capacity, const char *found) {
    size_t length = strlen(found);
    if (found[0] != '/' || length >= capacity) return false;
    memcpy(path, found, length + 1);
    return true;
}

bool sp_path_of_program(char *path, size_t capacity) {
    char found[MAXPATHLEN] = "";
    return proc_pidpath(getpid(), found, sizeof found) > 0 && copy(path, capacity, found);
}

/* libc's function may allocate. The path of a deleted folder may still be known, but leads nowhere or elsewhere. */
bool sp_path_of_folder(char *path, size_t capacity) {
    struct proc_vnodepathinfo found;
    struct stat there;
    if (proc_pidinfo(getpid(), PROC_PIDVNODEPATHINFO, 0, &found, sizeof found) != sizeof found) return false;
    const struct vnode_info_path *folder = &found.pvi_cdir;
    return stat(folder->vip_path, &there) == 0 && there.st_ino == folder->vip_vi.vi_stat.vst_ino &&
           (uint32_t)there.st_dev == folder->vip_vi.vi_stat.vst_dev && copy(path, capacity, folder->vip_path);
}
