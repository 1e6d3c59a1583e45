#include "arena_hook.h"

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "spprof.h"

/* Each of these is set before the hook that uses it is installed. */
static PyObjectArenaAllocator first, latest;

/* A tool that displaced the hook may still call it. Once the hook is reinstalled on top, that tool is `latest`, so a
 * call from inside it goes to `first`. */
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
