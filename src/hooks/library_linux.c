/* library_linux.c: this library's entry in LD_PRELOAD.
 *
 * With a relative entry ("./libspprof_alloc.so"), the loader prints an error in every child that starts in another
 * folder. The constructor replaces our own entry with its absolute path before the program reads its environment.
 */
#include "library.h"

#include "memory.h"

#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

extern char **environ;

/* Return whether the entry is relative, contains a folder and names this library's file. (The loader searches for a
 * name without a folder, so it is found from anywhere.) */
static bool is_our_relative_entry(const char *our_path, const char *entry, size_t length) {
    char path[SP_LIBRARY_PATH_MAX];
    struct stat theirs, ours;
    if (length == 0 || length >= sizeof path || entry[0] == '/' || !memchr(entry, '/', length)) return false;
    memcpy(path, entry, length);
    path[length] = '\0';
    return stat(path, &theirs) == 0 && stat(our_path, &ours) == 0 && theirs.st_dev == ours.st_dev &&
           theirs.st_ino == ours.st_ino;
}

/* Copy the value of LD_PRELOAD with our entry made absolute. Return false if our entry is not in it. */
static bool rewrite(const char *our_path, const char *value, char *out) {
    bool changed = false;
    while (*value) {
        size_t length = strcspn(value, ": ");
        if (is_our_relative_entry(our_path, value, length)) {
            out = stpcpy(out, our_path);
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
void sp_library_found(const char *path) {
    static const char name[] = "LD_PRELOAD=";
    if (path[0] == '\0' || strpbrk(path, ": ")) return;
    for (char **variable = environ; variable && *variable; variable++) {
        if (strncmp(*variable, name, sizeof name - 1) != 0) continue;
        const char *value = *variable + sizeof name - 1;
        size_t entries = 1;
        for (const char *at = value; *at; at++) entries += *at == ':' || *at == ' ';
        char *rewritten = sp_memory_map(sizeof name + strlen(value) + entries * strlen(path));
        if (rewritten && rewrite(path, value, stpcpy(rewritten, name))) *variable = rewritten;
    }
}
