/* originals.h: the allocator that the program would have without us: libc's, or one preloaded after us.
 *
 *   until found: each pointer leads to a finder that looks all of them up, then makes the call
 *
 * Memory:  one static struct.
 * Threads: any; finding twice gives the same answer.
 */
#ifndef SP_ORIGINALS_H
#define SP_ORIGINALS_H

#include <stddef.h>
#include <stdint.h>

/* ORIGINAL(result, name, parameters, arguments): what we call under its own name. The other members of the family are
 * built over our own hooks (hooked_functions.def). */
#define SP_ORIGINALS(ORIGINAL)                                                                                         \
    ORIGINAL(void *, malloc, (size_t size), (size))                                                                    \
    ORIGINAL(void *, calloc, (size_t count, size_t size), (count, size))                                               \
    ORIGINAL(void *, realloc, (void *old, size_t size), (old, size))                                                   \
    ORIGINAL(int, posix_memalign, (void **result, size_t alignment, size_t size), (result, alignment, size))           \
    ORIGINAL(void *, aligned_alloc, (size_t alignment, size_t size), (alignment, size))                                \
    ORIGINAL(void *, memalign, (size_t alignment, size_t size), (alignment, size))                                     \
    ORIGINAL(void *, valloc, (size_t size), (size))                                                                    \
    ORIGINAL(void *, pvalloc, (size_t size), (size))

typedef struct sp_originals_table {
#define ORIGINAL(result, name, parameters, arguments) result(*name) parameters;
    SP_ORIGINALS(ORIGINAL)
#undef ORIGINAL
    void (*free)(void *address);
} sp_originals_table;

extern sp_originals_table sp_originals;

/* The first definition of the function `name` in the order in which objects were loaded that is not ours: what the
 * program would call without us. 0: none. dlsym is no help: in a library loaded later, RTLD_NEXT and &malloc give
 * libc's even when another allocator is preloaded, and RTLD_DEFAULT may give a program's PLT entry. */
uintptr_t sp_originals_find(const char *name);

#endif
