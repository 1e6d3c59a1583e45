/* readable_pages.h: pages of every kind, and what sp_memory_is_readable has to say of them. For the thread of the test.
 */
#ifndef READABLE_PAGES_H
#define READABLE_PAGES_H

#include "memory.h"
#include "support.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

static inline char *map_pages(size_t count, int protection) {
    void *pages = mmap(NULL, count * (size_t)getpagesize(), protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    return pages;
}

static inline void assert_readable(const void *address, bool expected) {
    errno = 77;
    assert_int_equal(sp_memory_is_readable((uintptr_t)address), expected);
    assert_int_equal(errno, 77);
}

static inline void assert_right_answers(void) {
    size_t page = (size_t)getpagesize();
    char *pages = map_pages(4, PROT_READ | PROT_WRITE); /* touched | untouched | hidden | gone */
    pages[0] = 1;
    mprotect(pages + 2 * page, page, PROT_NONE);
    munmap(pages + 3 * page, page);
    for (size_t offset = 0; offset < page; offset += 511) {
        assert_readable(pages + offset, true);
        assert_readable(pages + page + offset, true);
        assert_readable(pages + 2 * page + offset, false);
        assert_readable(pages + 3 * page + offset, false);
    }
    assert_readable(pages + 2 * page - 1, true);
    assert_readable(map_pages(1, PROT_READ), true);
    assert_readable(map_pages(1, PROT_NONE), false);
    assert_readable((const void *)(uintptr_t)&assert_right_answers, true);
    const uintptr_t nowhere[] = {0, 1, 7, 8, 4095, UINT64_C(1) << 62, UINT64_C(0xFFFF) << 48, UINTPTR_MAX};
    for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++) assert_readable((void *)nowhere[i], false);
}

#endif
