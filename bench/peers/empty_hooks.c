/* empty_hooks.c: hooks of the MEM and OBJ domains that only pass calls on, for malloc, calloc and realloc. They have
 * the minimal cost of a profiler that samples pools of small blocks.
 *
 * Frees keep their original function, so the ctx remains that of the original, and each domain has its own functions.
 */
#include <Python.h>

static PyMemAllocatorEx mem, obj;

static void *mem_malloc(void *ctx, size_t size) {
    return mem.malloc(ctx, size);
}
static void *mem_calloc(void *ctx, size_t count, size_t size) {
    return mem.calloc(ctx, count, size);
}
static void *mem_realloc(void *ctx, void *block, size_t size) {
    return mem.realloc(ctx, block, size);
}
static void *obj_malloc(void *ctx, size_t size) {
    return obj.malloc(ctx, size);
}
static void *obj_calloc(void *ctx, size_t count, size_t size) {
    return obj.calloc(ctx, count, size);
}
static void *obj_realloc(void *ctx, void *block, size_t size) {
    return obj.realloc(ctx, block, size);
}

/* Call this only once. */
void install_empty_hooks(void) {
    PyMem_GetAllocator(PYMEM_DOMAIN_MEM, &mem);
    PyMem_GetAllocator(PYMEM_DOMAIN_OBJ, &obj);
    PyMem_SetAllocator(PYMEM_DOMAIN_MEM, &(PyMemAllocatorEx){mem.ctx, mem_malloc, mem_calloc, mem_realloc, mem.free});
    PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &(PyMemAllocatorEx){obj.ctx, obj_malloc, obj_calloc, obj_realloc, obj.free});
}
