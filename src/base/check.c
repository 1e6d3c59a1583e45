#include "check.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

static _Atomic(sp_check_handler *) registered;

void sp_check_set_handler(sp_check_handler *handler) {
    atomic_store(&registered, handler);
}

void sp_check_failed(const char *condition, const char *file, int line) {
#ifdef SPPROF_DEBUG
    fprintf(stderr, "spprof: %s:%d: broken invariant: %s\n", file, line, condition);
    abort();
#else
    (void)condition, (void)file, (void)line;
    sp_check_handler *handler = atomic_load(&registered);
    if (handler) handler();
#endif
}
