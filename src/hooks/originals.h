/* originals.h: the allocator that the program would use without us: libc's, or one preloaded after us.
 *
 *   until found: each pointer leads to a finder, which looks all of them up and then makes the call
 *
 * Memory:  one static struct.
 * Threads: any; finding the originals twice gives the same answer.
 */
#ifndef SP_ORIGINALS_H
#define SP_ORIGINALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ORIGINAL(result, name, parameters, arguments): a function that we call under its own name. The other members of
 * the family are built on our own hooks (hooked_functions.def). */
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

extern sp_originals_table sp_originals __attribute__((visibility("hidden")));

/* Return the function `name` that a hook calls next, or 0 if there is none. Objects are searched in the order in
 * which they were loaded, skipping other copies of this library:
 *
 *   preloaded:   program ─► a wrapper before us ─► our hook ─► next definition behind us
 *   otherwise:   program's slot, patched ─► our hook ─► first definition of all, which the slot held
 *
 * A wrapper that was preloaded before us calls us by RTLD_NEXT; if we called it in turn, the recursion would never
 * end. dlsym does not help: in a library loaded later, RTLD_NEXT and &malloc give libc's functions even if another
 * allocator is preloaded, and RTLD_DEFAULT may give a program's PLT entry. */
uintptr_t sp_originals_find(const char *name);

/* Prepare for patching slots: from now on the original is the first definition of all. If the first definition
 * already leads to our hooks, return false and change nothing, because a patched slot would call itself. */
bool sp_originals_patch_callers(void);

#endif
