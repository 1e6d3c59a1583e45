/* empty_hooks.c: hooks of the MEM and OBJ domains that pass on and do nothing else, in front of malloc, calloc and
 * realloc alone: the least that a profiler costs which samples a pool of small blocks.
 *
 * Frees keep their function, so the ctx stays the original's, and each domain has functions of its own.
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

/* Call it once. */
void install_empty_hooks(void) {
    PyMem_GetAllocator(PYMEM_DOMAIN_MEM, &mem);
    PyMem_GetAllocator(PYMEM_DOMAIN_OBJ, &obj);
    PyMem_SetAllocator(PYMEM_DOMAIN_MEM, &(PyMemAllocatorEx){mem.ctx, mem_malloc, mem_calloc, mem_realloc, mem.free});
    PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &(PyMemAllocatorEx){obj.ctx, obj_malloc, obj_calloc, obj_realloc, obj.free});
}
