/* library_macos.c: keeps this library loaded, because libmalloc and dyld may call it as long as the process lives. */
#include "library.h"

#include <dlfcn.h>

/* The handle is kept on purpose. */
void sp_library_found(const char *path) {
    (void)dlopen(path, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}
