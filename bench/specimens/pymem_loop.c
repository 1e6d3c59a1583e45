/* pymem_loop.c: runs PyObject_Malloc and PyObject_Free of 64 bytes N times. It also has hooks that only pass calls on.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <time.h>

static PyMemAllocatorEx original;

static void *pass_malloc(void *ctx, size_t size) {
    return original.malloc(ctx, size);
}

static void *pass_calloc(void *ctx, size_t count, size_t size) {
    return original.calloc(ctx, count, size);
}

static void *pass_realloc(void *ctx, void *old, size_t size) {
    return original.realloc(ctx, old, size);
}

static void pass_free(void *ctx, void *block) {
    original.free(ctx, block);
}

void install_empty_hooks(void) {
    PyMem_GetAllocator(PYMEM_DOMAIN_OBJ, &original);
    PyMemAllocatorEx hooks = {original.ctx, pass_malloc, pass_calloc, pass_realloc, pass_free};
    PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &hooks);
}

/* Leaves a pool of this size partly used, whatever its state before. Otherwise, each pair of calls might or might
 * not unlink the pool and put it back. */
static void settle_pool(void) {
    void *blocks[512];
    for (int i = 0; i < 512; i++) blocks[i] = PyObject_Malloc(64);
    for (int i = 0; i < 512; i += 2) PyObject_Free(blocks[i]);
}

/* Returns nanoseconds per pair. */
double loop(long count) {
    struct timespec begin, end;
    void *volatile block;
    settle_pool();
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (long i = 0; i < count; i++) {
        block = PyObject_Malloc(64);
        PyObject_Free(block);
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    return ((double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec)) / (double)count;
}
