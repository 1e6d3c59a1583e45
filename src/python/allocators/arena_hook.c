#include "arena_hook.h"

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "spprof.h"

/* Each set before the hook that uses it. */
static PyObjectArenaAllocator first, latest;

/* A tool that took the hook away may call it all the same, and is the latest when it is put in anew: in its call we go
 * on to the first. */
static void *allocate_arena(void *ctx, size_t size) {
    bool is_inner = spprof_in_arena();
    spprof_begin_arena();
    void *arena = is_inner ? first.alloc(first.ctx, size) : latest.alloc(ctx, size);
    spprof_end_arena();
    return arena;
}

void sp_arena_hook_install_with_gil(void) {
    PyObjectArenaAllocator current;
    PyObject_GetArenaAllocator(&current);
    if (current.alloc == allocate_arena || !current.alloc) return;
    if (!first.alloc) first = current;
    latest = current;
    current.alloc = allocate_arena;
    PyObject_SetArenaAllocator(&current);
}

void sp_arena_hook_remove_with_gil(void) {
    PyObjectArenaAllocator current;
    PyObject_GetArenaAllocator(&current);
    if (current.alloc == allocate_arena) PyObject_SetArenaAllocator(&latest);
}
