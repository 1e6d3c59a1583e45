/* library_linux.c: this library's path, and its entry in LD_PRELOAD.
 *
 * With a relative entry ("./libspprof_alloc.so"), the loader prints an error in every child that starts in another
 * folder. The constructor replaces our own entry with its absolute path before the program reads its environment.
 */
#include "memory.h"
#include "spprof.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 4096

extern char **environ;

static char library_path[PATH_BYTES];

const char *spprof_library_path(void) {
    return library_path;
}

static void make_absolute(const char *path) {
    char folder[PATH_BYTES];
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

/* Return whether the entry is relative, contains a folder and names this library's file. (The loader searches for a
 * name without a folder, so it is found from anywhere.) */
static bool is_our_relative_entry(const char *entry, size_t length) {
    char path[PATH_BYTES];
    struct stat theirs, ours;
    if (length == 0 || length >= sizeof path || entry[0] == '/' || !memchr(entry, '/', length)) return false;
    memcpy(path, entry, length);
    path[length] = '\0';
    return stat(path, &theirs) == 0 && stat(library_path, &ours) == 0 && theirs.st_dev == ours.st_dev &&
           theirs.st_ino == ours.st_ino;
}

/* Copy the value of LD_PRELOAD with our entry made absolute. Return false if our entry is not in it. */
static bool rewrite(const char *value, char *out) {
    bool changed = false;
    while (*value) {
        size_t length = strcspn(value, ": ");
        if (is_our_relative_entry(value, length)) {
            out = stpcpy(out, library_path);
            changed = true;
        } else {
            out = mempcpy(out, value, length);
        }
        value += length;
        if (*value) *out++ = *value++;
    }
    *out = '\0';
    return changed;
}

/* setenv would allocate and could race with the program's own calls. Putting a new string into the old slot is
 * enough. */
static void make_preload_absolute(void) {
    static const char name[] = "LD_PRELOAD=";
    if (library_path[0] == '\0' || strpbrk(library_path, ": ")) return;
    for (char **variable = environ; variable && *variable; variable++) {
        if (strncmp(*variable, name, sizeof name - 1) != 0) continue;
        const char *value = *variable + sizeof name - 1;
        size_t entries = 1;
        for (const char *at = value; *at; at++) entries += *at == ':' || *at == ' ';
        char *rewritten = sp_memory_map(sizeof name + strlen(value) + entries * strlen(library_path));
        if (rewritten && rewrite(value, stpcpy(rewritten, name))) *variable = rewritten;
    }
}

__attribute__((constructor)) static void find_library(void) {
    Dl_info info;
    if (dladdr((void *)(uintptr_t)spprof_library_path, &info) == 0 || !info.dli_fname) return;
    make_absolute(info.dli_fname);
    make_preload_absolute();
}
