/* page_protection.h: which pages may be written, and making one writable for a moment.
 *
 *   /proc/self/maps ─► protection      without it: the object's segments, and trying whether a slot may be written
 *
 * Memory:  a mapping for the kernel's list, made by read and taken back by forget.
 * Threads: one at a time (the caller's lock). Allocates nothing with malloc.
 */
#ifndef SP_PAGE_PROTECTION_H
#define SP_PAGE_PROTECTION_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sp_page_protections {
    char *text; /* /proc/self/maps; NULL: not read yet */
    size_t length, capacity;
    uintptr_t first, behind; /* the mapping found last: an object's slots lie side by side */
    int protection;
    const struct dl_phdr_info *object; /* the slots' */
    bool cannot_read;
} sp_page_protections;

/* The object whose slots come next. */
void sp_page_protections_of(sp_page_protections *protections, const struct dl_phdr_info *object);

/* Stores `value` at `slot`, whatever its page's protection, which is the same before and after. False: the page is not
 * listed (mapped after the list was read), or cannot be made writable. */
bool sp_page_protections_store(sp_page_protections *protections, uintptr_t *slot, uintptr_t value);

/* The next store reads the list anew. */
void sp_page_protections_forget(sp_page_protections *protections);

#endif
