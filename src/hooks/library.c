/* library.c: this library's path. */
#include "library.h"

#include "spprof.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char library_path[SP_LIBRARY_PATH_MAX];

const char *spprof_library_path(void) {
    return library_path;
}

static void make_absolute(const char *path) {
    char folder[SP_LIBRARY_PATH_MAX];
    if (path[0] == '/') {
        snprintf(library_path, sizeof library_path, "%s", path);
        return;
    }
    if (!getcwd(folder, sizeof folder)) return;
    while (strncmp(path, "./", 2) == 0) path += 2;
    if (strlen(folder) + 1 + strlen(path) >= sizeof library_path) return;
    strcpy(library_path, folder);
    strcat(library_path, "/");
    strcat(library_path, path);
}

__attribute__((constructor)) static void find_library(void) {
    Dl_info info;
    if (dladdr((void *)(uintptr_t)spprof_library_path, &info) == 0 || !info.dli_fname) return;
    make_absolute(info.dli_fname);
    sp_library_found(library_path);
}
