#include "demangle.h"

#include "aside.h"
#include "cxx_runtime.h"
#include "spprof.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef char *demangler(const char *mangled, char *buffer, size_t *size, int *status);

static demangler *find_in_library(const char *name) {
    void *library = dlopen(name, RTLD_LAZY | RTLD_LOCAL);
    return library ? (demangler *)dlsym(library, "__cxa_demangle") : NULL;
}

static demangler *search(void) {
    demangler *found = (demangler *)dlsym(RTLD_DEFAULT, "__cxa_demangle");
    for (size_t i = 0; !found && sp_cxx_runtimes[i]; i++) found = find_in_library(sp_cxx_runtimes[i]);
    return found;
}

static demangler *found; /* set by the only search */

static void search_once(void) {
    spprof_pause();
    found = search();
    spprof_resume();
}

/* pthread_once, because interpreters may have separate GILs. An opened library stays loaded, because its code is
 * used from now on. */
static demangler *find_demangler(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, search_once);
    return found;
}

PyObject *sp_demangle_with_gil(PyObject *module, PyObject *name) {
    (void)module;
    const char *mangled = PyUnicode_AsUTF8(name);
    demangler *demangle = mangled ? find_demangler() : NULL;
    if (!mangled) return NULL;
    if (!demangle) Py_RETURN_NONE;
    int status;
    int64_t countdown = sp_aside_begin();
    char *readable = demangle(mangled, NULL, NULL, &status);
    PyObject *result =
        readable ? PyUnicode_DecodeUTF8(readable, (Py_ssize_t)strlen(readable), "backslashreplace") : Py_None;
    if (!readable) Py_INCREF(result);
    free(readable);
    sp_aside_end(countdown);
    return result;
}
