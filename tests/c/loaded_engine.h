/* loaded_engine.h: the functions of the library under test, for a program that loads the library instead of linking it.
 *
 * List the functions before including this file: #define FUNCTIONS(X) X(spprof_start) …
 */
#ifndef SP_LOADED_ENGINE_H
#define SP_LOADED_ENGINE_H

#include "support.h"

#include <dlfcn.h>
#include <stdlib.h>

static struct {
#define X(name) __typeof__(name) *name;
    FUNCTIONS(X)
#undef X
} api;

static void load_library(void) {
    void *library = dlopen(getenv("TEST_LIBRARY"), RTLD_NOW);
    CHECK(library != NULL);
#define X(name)                                                                                                        \
    api.name = (__typeof__(name) *)dlsym(library, #name);                                                              \
    CHECK(api.name != NULL);
    FUNCTIONS(X)
#undef X
}

#endif
