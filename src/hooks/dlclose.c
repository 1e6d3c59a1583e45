/* dlclose.c: the hook for the program's calls of dlclose. Unlike dlopen, dlclose does not look at its caller, so the
 * hook can call it and find out afterwards which objects were unloaded. From then on, unwind rules stored by address
 * may belong to another object.
 */
#include "capture.h"
#include "hooks.h"
#include "originals.h"
#include "spprof.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>

typedef int close_function(void *handle);

static _Atomic(close_function *) original;

static close_function *find_original(void) {
    close_function *found = atomic_load_explicit(&original, memory_order_acquire);
    if (found) return found;
    spprof_pause();
    found = (close_function *)sp_originals_find("dlclose");
    spprof_resume();
    atomic_store_explicit(&original, found, memory_order_release);
    return found;
}

__attribute__((visibility("default"))) int dlclose(void *handle) {
    close_function *close = find_original();
    sp_capture_let_through((uintptr_t)&sp_hook_dlclose); /* for calls from the destructors of the library */
    int status = close ? close(handle) : -1;
    int saved_errno = errno;
    spprof_pause();
    sp_capture_forget_unloaded();
    spprof_resume();
    errno = saved_errno;
    return status;
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmissing-attributes" /* more attributes in libc's header than an alias needs */
#endif
__typeof__(dlclose) sp_hook_dlclose __attribute__((alias("dlclose"), visibility("hidden")));
