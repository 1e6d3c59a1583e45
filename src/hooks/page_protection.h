/* page_protection.h: which pages are writable, and how to make one writable temporarily.
 *
 *   /proc/self/maps ─► protection      if unreadable: the object's segments, and a trial write to the slot
 *
 * Memory:  one mapping for the kernel's list, created by the first store and unmapped by forget.
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
    uintptr_t first, behind; /* the last mapping found, because an object's slots are adjacent */
    int protection;
    const struct dl_phdr_info *object; /* the object that contains the slots */
    bool cannot_read;
} sp_page_protections;

/* Set the object that contains the next slots. */
void sp_page_protections_of(sp_page_protections *protections, const struct dl_phdr_info *object);

/* Store `value` at `slot`, whatever its page's protection, and restore that protection. Return false if the page is
 * not listed (because it was mapped after the list was read) or cannot be made writable. */
bool sp_page_protections_store(sp_page_protections *protections, uintptr_t *slot, uintptr_t value);

/* Drop the list; the next store reads it again. */
void sp_page_protections_forget(sp_page_protections *protections);

#endif
