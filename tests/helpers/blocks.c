/* blocks.c: allocates many blocks through any allocator without calling the interpreter in between.
 *
 * An allocator is passed as three functions: those of malloc's family, or those of one of Python's domains (which must
 * be called with the GIL held).
 */
#include <stddef.h>

typedef void *allocate(size_t size);
typedef void *resize(void *block, size_t size);
typedef void release(void *block);

/* Allocates `count` blocks and returns how many succeeded. */
size_t blocks_allocate(allocate *allocate, void **blocks, size_t count, size_t size) {
    size_t done = 0;
    while (done < count && (blocks[done] = allocate(size)) != NULL) done++;
    return done;
}

size_t blocks_resize(resize *resize, void **blocks, size_t count, size_t size) {
    for (size_t i = 0; i < count; i++) {
        void *moved = resize(blocks[i], size);
        if (!moved) return i;
        blocks[i] = moved;
    }
    return count;
}

/* Frees every `stride`-th block, starting with the first, and clears its pointer. */
void blocks_free(release *release, void **blocks, size_t count, size_t stride) {
    for (size_t i = 0; i < count; i += stride) {
        release(blocks[i]);
        blocks[i] = NULL;
    }
}

/* Frees each block before it allocates the next. */
void blocks_churn(allocate *allocate, release *release, size_t count, size_t size) {
    for (size_t i = 0; i < count; i++) {
        void *block = allocate(size);
        if (block) *(volatile char *)block = 1;
        release(block);
    }
}
