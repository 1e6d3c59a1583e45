/* dwarf_bytes.h: bytes of call frame tables, written by hand.
 *
 *   const uint8_t program[] = {0x0C, 7, 8, U4(0x12345678)};
 *
 *   … readable page … [ copied bytes ]│ unreadable page      reading one byte too many crashes
 */
#ifndef DWARF_BYTES_H
#define DWARF_BYTES_H

#include "support.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define U2(value) (uint8_t)(value), (uint8_t)((value) >> 8)
#define U4(value) U2(value), U2((value) >> 16)
#define U8(value) U4((uint64_t)(value)), U4((uint64_t)(value) >> 32)
#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* Return a copy of `size` bytes that ends just before an unreadable page. The copy stays mapped until the test ends. */
static inline uint8_t *copy_before_a_guard(const void *bytes, size_t size) {
    size_t page = (size_t)getpagesize(), readable = (size + page - 1) / page * page;
    uint8_t *mapped = mmap(NULL, readable + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(mapped != MAP_FAILED);
    CHECK(mprotect(mapped + readable, page, PROT_NONE) == 0);
    return memcpy(mapped + readable - size, bytes, size);
}

#endif
