/* cxx_runtime.h: where the loader finds a C++ runtime library that the program has not loaded. */
#ifndef SP_CXX_RUNTIME_H
#define SP_CXX_RUNTIME_H

/* Names for dlopen, in the order in which to try them; NULL ends the list. */
extern const char *const sp_cxx_runtimes[];

#endif
