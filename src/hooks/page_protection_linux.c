#include "page_protection.h"

#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FIRST_CAPACITY (256 * 1024) /* about 2500 mappings */

void sp_page_protections_forget(sp_page_protections *protections) {
    if (protections->text) sp_memory_unmap(protections->text, protections->capacity);
    *protections = (sp_page_protections){0};
}

/* Return the number of bytes read, which may equal the capacity. */
static size_t read_whole(int file, char *text, size_t capacity) {
    size_t length = 0;
    while (length < capacity) {
        ssize_t got = read(file, text + length, capacity - length);
        if (got <= 0) break;
        length += (size_t)got;
    }
    return length;
}

/* Read the kernel's list. Return false if it is missing or empty. */
static bool read_list(sp_page_protections *protections) {
    const struct dl_phdr_info *object = protections->object;
    for (size_t capacity = FIRST_CAPACITY;; capacity *= 2) {
        int file = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
        char *text = file >= 0 ? sp_memory_map(capacity) : NULL;
        size_t length = text ? read_whole(file, text, capacity) : 0;
        if (file >= 0) close(file);
        *protections = (sp_page_protections){.text = text, .length = length, .capacity = capacity, .object = object};
        if (length == 0) return false;
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

/* Find the mapping of `address`; each line reads "start-end rwxp …". Return false if there is none. */
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

/* ---- Without the list ---- */

/* For a system without /proc, or a sandbox that does not allow opening files: overwrite the slot with its own value
 * through the kernel, which refuses if we may not write there either. Return 0 if the kernel does not say. */
static int writable(uintptr_t *slot) {
    uintptr_t value = __atomic_load_n(slot, __ATOMIC_RELAXED);
    struct iovec here = {.iov_base = &value, .iov_len = sizeof value},
                 there = {.iov_base = slot, .iov_len = sizeof *slot};
    if (syscall(SYS_process_vm_writev, getpid(), &here, 1UL, &there, 1UL, 0UL) == (long)sizeof value) return PROT_WRITE;
    return errno == EFAULT ? PROT_READ : 0;
}

/* The segment's flags do not reflect the pages that the loader made read-only after relocating (RELRO), so try to
 * write. */
static bool find_by_segments(sp_page_protections *found, uintptr_t *slot) {
    const struct dl_phdr_info *info = found->object;
    for (int i = 0; info && i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t start = info->dlpi_addr + segment->p_vaddr;
        if (segment->p_type != PT_LOAD || (uintptr_t)slot < start || (uintptr_t)slot - start >= segment->p_memsz)
            continue;
        int written = writable(slot);
        found->protection = PROT_READ | written | (segment->p_flags & PF_X ? PROT_EXEC : 0);
        return written != 0;
    }
    return false;
}

static bool find_protection(sp_page_protections *found, uintptr_t *slot) {
    if (!found->text && !found->cannot_read) found->cannot_read = !read_list(found);
    return found->cannot_read ? find_by_segments(found, slot) : find_mapping(found, (uintptr_t)slot);
}

void sp_page_protections_of(sp_page_protections *protections, const struct dl_phdr_info *object) {
    protections->object = object;
}

bool sp_page_protections_store(sp_page_protections *protections, uintptr_t *slot, uintptr_t value) {
    if (!find_protection(protections, slot)) return false;
    int protection = protections->protection;
    size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    void *page = (void *)((uintptr_t)slot & ~(page_bytes - 1)); /* a slot is aligned, so it is within one page */
    bool locked = !(protection & PROT_WRITE);
    if (locked && mprotect(page, page_bytes, protection | PROT_WRITE) != 0) return false;
    __atomic_store_n(slot, value, __ATOMIC_RELEASE);
    if (locked) mprotect(page, page_bytes, protection);
    return true;
}
