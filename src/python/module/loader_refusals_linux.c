#include "loader_refusals.h"

#include "spprof.h"

const char sp_library_name[] = "libspprof_alloc.so";

void sp_refuse_preload_with_gil(void) {
    PyErr_Format(PyExc_RuntimeError,
                 "native=\"preload\" needs the library preloaded: start the program with LD_PRELOAD=%s, or use "
                 "native=\"auto\"",
                 spprof_library_path());
}

void sp_refuse_patch_with_gil(void) {
    PyErr_Format(PyExc_RuntimeError,
                 "native=\"patch\" found no malloc call it can redirect (a statically linked program?): start the "
                 "program with LD_PRELOAD=%s, or use native=\"off\"",
                 spprof_library_path());
}

void sp_refuse_library_with_gil(const char *path, const char *version, const char *own_path) {
    PyErr_Format(PyExc_ImportError,
                 "the libspprof_alloc.so that is loaded (%s) has version %s, but this spprof package has version %s: "
                 "remove it from LD_PRELOAD, or preload %s",
                 path, version, SPPROF_VERSION, own_path);
}
