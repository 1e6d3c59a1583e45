/* lookups.c: a library that looks functions up by name, as plug-ins and interposers do. It is compiled without tail
 * calls, because the loader checks which object calls it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>

void *of_default(const char *name) {
    return dlsym(RTLD_DEFAULT, name);
}

void *of_next(const char *name) {
    return dlsym(RTLD_NEXT, name);
}

void *of_handle(void *handle, const char *name) {
    return dlsym(handle, name);
}

void *of_version(void *handle, const char *name, const char *version) {
    return dlvsym(handle, name, version);
}

void *of_default_by_pointer(const char *name) {
    void *(*look_up)(void *, const char *) = (void *(*)(void *, const char *))dlsym(RTLD_DEFAULT, "dlsym");
    return look_up(RTLD_DEFAULT, name);
}

/* Returns the loader's message about a failing lookup in this library. */
const char *failure_of(void *handle, const char *name, const char *version) {
    dlerror();
    void *found = version ? dlvsym(handle, name, version) : dlsym(handle, name);
    return found ? "found" : dlerror();
}

static atomic_bool looking = true;

/* Runs until told to stop. */
void keep_looking(const char *name) {
    while (looking) (void)dlsym(RTLD_DEFAULT, name);
}

void end_looking(void) {
    looking = false;
}

static int count(struct dl_phdr_info *info, size_t size, void *objects) {
    (void)info, (void)size;
    ++*(int *)objects;
    return 0;
}

/* Counts the objects in the loader's list, as unwinding a C++ exception does. */
int loaded_objects(void) {
    int objects = 0;
    dl_iterate_phdr(count, &objects);
    return objects;
}
