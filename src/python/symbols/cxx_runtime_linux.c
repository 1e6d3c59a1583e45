#include "cxx_runtime.h"

#include <stddef.h>

const char *const sp_cxx_runtimes[] = {"libstdc++.so.6", "libc++abi.so.1", NULL};
