#include "cxx_runtime.h"

#include <stddef.h>

const char *const sp_cxx_runtimes[] = {"/usr/lib/libc++abi.dylib", NULL};
