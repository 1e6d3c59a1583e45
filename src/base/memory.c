#include "memory.h"

#include "options.h"
#include "pages.h"
#include "thread.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

static _Atomic size_t mapped_bytes;

size_t sp_pages_round_up(size_t bytes) {
    size_t page = sp_memory_page_bytes();
    return (bytes + page - 1) & ~(page - 1);
}

/* ---- The list of our own pages ---- */

/* A slot belongs to the thread that mapped the pages in it; no other thread changes it. */
static struct {
    _Atomic uintptr_t start; /* 0: free. Written last */
    _Atomic size_t size;
} own_pages[SP_MEMORY_LISTED];

static void list_own(uintptr_t start, size_t size) {
    for (int i = 0; i < SP_MEMORY_LISTED; i++) {
        size_t free = 0;
        if (!atomic_compare_exchange_strong(&own_pages[i].size, &free, size)) continue;
        atomic_store(&own_pages[i].start, start);
        return;
    }
}

/* Remove a whole mapping, its first pages or its last pages. */
static void unlist_own(uintptr_t start, size_t size) {
    for (int i = 0; i < SP_MEMORY_LISTED; i++) {
        uintptr_t first = atomic_load(&own_pages[i].start);
        size_t listed = atomic_load(&own_pages[i].size);
        if (first == 0 || start < first || start + size > first + listed) continue;
        if (listed == size)
            atomic_store(&own_pages[i].start, 0);
        else if (start == first)
            atomic_store(&own_pages[i].start, first + size);
        atomic_store(&own_pages[i].size, listed - size);
        return;
    }
}

size_t sp_memory_list(sp_own_pages *out, size_t capacity) {
    size_t count = 0;
    for (int i = 0; i < SP_MEMORY_LISTED && count < capacity; i++) {
        uintptr_t start = atomic_load(&own_pages[i].start);
        if (start) out[count++] = (sp_own_pages){start, atomic_load(&own_pages[i].size)};
    }
    return count;
}

/* ---- Pages ---- */

void *sp_memory_map(size_t bytes) {
    if (bytes == 0 || bytes > SIZE_MAX / 2) return NULL;
    size_t pages = sp_pages_round_up(bytes);
    size_t before = atomic_fetch_add(&mapped_bytes, pages);
    void *address = NULL;
    if (before + pages <= sp_options.engine_bytes_max) address = sp_pages_map(pages, PROT_READ | PROT_WRITE);
    if (address) {
        list_own((uintptr_t)address, pages);
        return address;
    }
    atomic_fetch_sub(&mapped_bytes, pages);
    return NULL;
}

void sp_memory_unmap(void *address, size_t bytes) {
    size_t pages = sp_pages_round_up(bytes);
    unlist_own((uintptr_t)address, pages); /* before the address may be given to another thread */
    if (sp_pages_unmap(address, pages)) atomic_fetch_sub(&mapped_bytes, pages);
}

size_t sp_memory_mapped(void) {
    return atomic_load(&mapped_bytes);
}

/* ---- Readable memory ---- */

typedef bool is_readable(uintptr_t address);

/* Some emulators and sandboxes reject the call before they read the set, so every page would seem readable. */
static is_readable *choose_way(void) {
    void *hidden = sp_pages_map(sp_memory_page_bytes(), PROT_NONE);
    if (!hidden) return sp_pages_read_slowly;
    bool tells_apart = sp_pages_read_signal_set((uintptr_t)&hidden) && !sp_pages_read_signal_set((uintptr_t)hidden);
    sp_pages_unmap(hidden, sp_memory_page_bytes());
    return tells_apart ? sp_pages_read_signal_set : sp_pages_read_slowly;
}

bool sp_memory_is_readable(uintptr_t address) {
    static _Atomic(is_readable *) way; /* threads that choose at the same time make the same choice */
    int saved_errno = errno;
    is_readable *chosen = atomic_load_explicit(&way, memory_order_relaxed);
    if (!chosen) {
        chosen = choose_way();
        atomic_store_explicit(&way, chosen, memory_order_relaxed);
    }
    bool readable = chosen(address);
    errno = saved_errno;
    return readable;
}

/* ---- Copies of memory that may be missing ---- */

#define SMALLEST_PAGE ((uintptr_t)4096)

bool sp_pages_copy_readable(void *to, uintptr_t from, size_t bytes) {
    if (from + bytes < from) return false;
    for (uintptr_t page = from & ~(SMALLEST_PAGE - 1); page < from + bytes; page += SMALLEST_PAGE)
        if (!sp_memory_is_readable(page)) return false;
    memcpy(to, (const void *)from, bytes);
    return true;
}

/* ---- Resident pages ---- */

/* Linux reports nothing for a range with a hole in it, so ask for each half. */
void sp_pages_look(uintptr_t start, size_t count, unsigned char *flags) {
    size_t page = sp_memory_page_bytes(), half = count / 2;
    if (count == 0) return;
    sp_thread_rest();
    if (mincore((void *)start, count * page, (void *)flags) == 0) return;
    if (errno == ENOMEM && count > 1) {
        sp_pages_look(start, half, flags);
        sp_pages_look(start + half * page, count - half, flags + half);
    } else {
        memset(flags, 0, count);
    }
}

void sp_memory_find_present(uintptr_t start, size_t count, unsigned char *is_present) {
    int saved_errno = errno;
    sp_pages_look(start, count, is_present);
    for (size_t i = 0; i < count; i++) is_present[i] &= 1;
    errno = saved_errno;
}
