#include "loader_refusals.h"

const char sp_library_name[] = "libspprof_alloc.dylib";

void sp_refuse_preload_with_gil(void) {
    PyErr_SetString(PyExc_RuntimeError,
                    "native=\"preload\" does not exist on macOS, where nothing needs to be preloaded: use "
                    "native=\"auto\"");
}

void sp_refuse_patch_with_gil(void) {
    PyErr_SetString(PyExc_RuntimeError,
                    "native=\"patch\" gets no reports from libmalloc, perhaps because another tool has set its logger: "
                    "start the program without that tool, or use native=\"off\"");
}

void sp_refuse_library_with_gil(const char *path, const char *version, const char *own_path) {
    PyErr_Format(PyExc_ImportError,
                 "the libspprof_alloc.dylib that is loaded (%s) has version %s, but this spprof package has version %s "
                 "and its own library, %s: remove the other from DYLD_INSERT_LIBRARIES, or reinstall spprof",
                 path, version, SPPROF_VERSION, own_path);
}
