#include "page_protection.h"

#include "memory.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FIRST_CAPACITY (256 * 1024) /* about 2500 mappings */

void sp_page_protections_forget(sp_page_protections *protections) {
    if (protections->text) sp_memory_unmap(protections->text, protections->capacity);
    *protections = (sp_page_protections){0};
}

/* The number of bytes read, which may fill the capacity. */
static size_t read_whole(int file, char *text, size_t capacity) {
    size_t length = 0;
    while (length < capacity) {
        ssize_t got = read(file, text + length, capacity - length);
        if (got <= 0) break;
        length += (size_t)got;
    }
    return length;
}

static bool read_list(sp_page_protections *protections) {
    for (size_t capacity = FIRST_CAPACITY;; capacity *= 2) {
        int file = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
        char *text = file >= 0 ? sp_memory_map(capacity) : NULL;
        size_t length = text ? read_whole(file, text, capacity) : 0;
        if (file >= 0) close(file);
        *protections = (sp_page_protections){.text = text, .length = length, .capacity = capacity};
        if (!text) return false;
        if (length < capacity) return true;
        sp_page_protections_forget(protections);
    }
}

static const char *read_hex(const char *at, const char *end, uintptr_t *value) {
    *value = 0;
    for (; at < end; at++) {
        int digit = *at >= '0' && *at <= '9' ? *at - '0' : *at >= 'a' && *at <= 'f' ? *at - 'a' + 10 : -1;
        if (digit < 0) break;
        *value = *value << 4 | (uintptr_t)digit;
    }
    return at;
}

/* A line: "start-end rwxp …". False: `address` is in none. */
static bool find_mapping(sp_page_protections *found, uintptr_t address) {
    if (address >= found->first && address < found->behind) return true;
    const char *at = found->text, *end = at + found->length;
    while (at && at < end) {
        at = read_hex(at, end, &found->first);
        at = read_hex(at + 1, end, &found->behind);
        if (end - at < 5) break;
        found->protection =
            (at[1] == 'r' ? PROT_READ : 0) | (at[2] == 'w' ? PROT_WRITE : 0) | (at[3] == 'x' ? PROT_EXEC : 0);
        if (address >= found->first && address < found->behind) return true;
        at = memchr(at, '\n', (size_t)(end - at));
        if (at) at++;
    }
    found->first = found->behind = 0;
    return false;
}

bool sp_page_protections_store(sp_page_protections *protections, uintptr_t *slot, uintptr_t value) {
    if (!protections->text && !read_list(protections)) return false;
    if (!find_mapping(protections, (uintptr_t)slot)) return false;
    int protection = protections->protection;
    size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    void *page = (void *)((uintptr_t)slot & ~(page_bytes - 1)); /* a slot is aligned: it lies in one page */
    bool locked = !(protection & PROT_WRITE);
    if (locked && mprotect(page, page_bytes, protection | PROT_WRITE) != 0) return false;
    __atomic_store_n(slot, value, __ATOMIC_RELEASE);
    if (locked) mprotect(page, page_bytes, protection);
    return true;
}
