#include "demangle.h"

#include "spprof.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef char *demangler(const char *mangled, char *buffer, size_t *size, int *status);

static demangler *find_in_library(const char *name) {
    void *library = dlopen(name, RTLD_LAZY | RTLD_LOCAL);
    return library ? (demangler *)dlsym(library, "__cxa_demangle") : NULL;
}

/* The GIL serialises this. A library that was opened stays: its code is in use from now on. */
static demangler *find_demangler(void) {
    static demangler *found;
    static bool searched;
    if (searched) return found;
    searched = true;
    found = (demangler *)dlsym(RTLD_DEFAULT, "__cxa_demangle");
    if (!found) found = find_in_library("libstdc++.so.6");
    if (!found) found = find_in_library("libc++abi.so.1");
    return found;
}

PyObject *sp_demangle_with_gil(PyObject *module, PyObject *name) {
    (void)module;
    const char *mangled = PyUnicode_AsUTF8(name);
    if (!mangled) return NULL;
    spprof_pause(); /* the demangler's memory, and the library's, are the profiler's own */
    demangler *demangle = find_demangler();
    int status = -1;
    char *readable = demangle ? demangle(mangled, NULL, NULL, &status) : NULL;
    PyObject *result = Py_None;
    if (readable && status == 0)
        result = PyUnicode_DecodeUTF8(readable, (Py_ssize_t)strlen(readable), "replace");
    else
        Py_INCREF(result);
    free(readable);
    spprof_resume();
    return result;
}
