/* memory.c: Apple's calls about memory, on Linux. Ports: only the process's own. */
#include "apple.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

const uint64_t mac_vm_page_size = 4096, mac_vm_page_mask = 4095, mac_vm_kernel_page_size = 4096;
const int mac_vm_page_shift = 12;

static int linux_flags(int flags) {
    int result = 0;
    if (flags & APPLE_MAP_SHARED) result |= MAP_SHARED;
    if (flags & APPLE_MAP_PRIVATE) result |= MAP_PRIVATE;
    if (flags & APPLE_MAP_FIXED) result |= MAP_FIXED;
    if (flags & APPLE_MAP_ANON) result |= MAP_ANONYMOUS | MAP_NORESERVE;
    return result;
}

/* The descriptor of anonymous memory is a tag there. */
void *mac_mmap(void *address, size_t size, int access, int flags, int file, int64_t offset) {
    return mmap(address, size, access, linux_flags(flags), flags & APPLE_MAP_ANON ? -1 : file, offset);
}

/* Linux's MADV_DONTNEED empties pages at once; Apple's keeps what is in them, and so does MADV_FREE until there is
 * need. */
int mac_madvise(void *address, size_t size, int advice) {
    (void)address, (void)size;
    if (advice != APPLE_MADV_CAN_REUSE) return 0;
    errno = EINVAL; /* which is allowed if the memory is not to be reused */
    return -1;
}

/* ---- Copies by the kernel ---- */

static int copy_by_kernel(uintptr_t from, uint64_t size, uintptr_t to) {
    int saved = errno;
    struct iovec here = {(void *)to, size}, there = {(void *)from, size};
    int64_t copied = process_vm_readv(getpid(), &here, 1, &there, 1, 0);
    errno = saved;
    return copied == (int64_t)size ? APPLE_KERN_SUCCESS : APPLE_KERN_INVALID_ADDRESS;
}

int mac_vm_read_overwrite(uint32_t task, uintptr_t from, uint64_t size, uintptr_t to, uint64_t *copied) {
    (void)task;
    int status = copy_by_kernel(from, size, to);
    if (status == APPLE_KERN_SUCCESS) *copied = size;
    return status;
}

int mac_mach_vm_read_overwrite(uint32_t task, uint64_t from, uint64_t size, uint64_t to, uint64_t *copied) {
    return mac_vm_read_overwrite(task, from, size, to, copied);
}

/* ---- Allocation ---- */

int mac_vm_allocate(uint32_t task, uintptr_t *address, uint64_t size, int flags) {
    (void)task, (void)flags;
    void *mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) return 3; /* KERN_NO_SPACE */
    *address = (uintptr_t)mapped;
    return APPLE_KERN_SUCCESS;
}

int mac_vm_deallocate(uint32_t task, uintptr_t address, uint64_t size) {
    (void)task;
    return munmap((void *)address, size) == 0 ? APPLE_KERN_SUCCESS : APPLE_KERN_INVALID_ADDRESS;
}

/* ---- The list of regions ---- */

typedef struct region {
    uint64_t start, end, offset, inode;
    bool is_shared;
    int access;
    char path[1024];
    uint64_t pages_resident, pages_swapped;
} region;

/* Reads the list without stdio: a handler may ask. */
typedef struct reader {
    int file;
    ssize_t begin, end;
    char buffer[2048];
} reader;

static int next_byte(reader *from) {
    if (from->begin == from->end) {
        from->begin = 0;
        from->end = read(from->file, from->buffer, sizeof from->buffer);
        if (from->end <= 0) return -1;
    }
    return (unsigned char)from->buffer[from->begin++];
}

static bool read_line(reader *from, char *line, size_t size) {
    size_t length = 0;
    int byte;
    while ((byte = next_byte(from)) >= 0 && byte != '\n')
        if (length + 1 < size) line[length++] = (char)byte;
    line[length] = '\0';
    return byte >= 0 || length > 0;
}

/* "start-end access offset device inode   path" */
static bool read_region(reader *list, region *one) {
    char line[1280], *at = line;
    if (!read_line(list, line, sizeof line)) return false;
    one->start = strtoull(at, &at, 16);
    one->end = strtoull(at + 1, &at, 16);
    const char *access = at + 1;
    one->offset = strtoull(at + 6, &at, 16);
    at = strchr(at + 1, ' ');
    one->inode = strtoull(at, &at, 10);
    snprintf(one->path, sizeof one->path, "%s", at + strspn(at, " "));
    one->is_shared = access[3] == 's';
    one->access = (access[0] == 'r' ? 1 : 0) | (access[1] == 'w' ? 2 : 0) | (access[2] == 'x' ? 4 : 0);
    return true;
}

/* A page's entry: bit 63 resident, bit 62 swapped. */
static void count_pages(region *one) {
    uint64_t entries[512];
    one->pages_resident = one->pages_swapped = 0;
    int file = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    for (uint64_t page = one->start / 4096, end = one->end / 4096; file >= 0 && page < end;) {
        size_t count = end - page < 512 ? end - page : 512;
        if (pread(file, entries, count * 8, (off_t)(page * 8)) != (ssize_t)(count * 8)) break;
        for (size_t i = 0; i < count; i++) {
            one->pages_resident += entries[i] >> 63 & 1;
            one->pages_swapped += entries[i] >> 62 & 1;
        }
        page += count;
    }
    if (file >= 0) close(file);
}

/* Find the region at or after an address. */
static bool find_region(uint64_t address, region *found) {
    int saved = errno;
    bool is_found = false;
    reader list = {.file = open("/proc/self/maps", O_RDONLY | O_CLOEXEC)};
    while (list.file >= 0 && !is_found && read_region(&list, found))
        is_found = found->end > address && strcmp(found->path, "[vsyscall]") != 0;
    if (list.file >= 0) close(list.file);
    errno = saved;
    return is_found;
}

static int share_mode(const region *one) {
    return one->is_shared ? APPLE_SHARE_TRUESHARED : APPLE_SHARE_PRIVATE;
}

static apple_region_basic basic_of(const region *one) {
    return (apple_region_basic){
        .protection = one->access, .max_protection = 7, .shared = one->is_shared, .offset = one->offset};
}

static apple_region_extended extended_of(region *one) {
    count_pages(one);
    return (apple_region_extended){.protection = one->access,
                                   .pages_resident = (uint32_t)one->pages_resident,
                                   .pages_swapped_out = (uint32_t)one->pages_swapped,
                                   .external_pager = one->inode != 0,
                                   .ref_count = 1,
                                   .share_mode = (uint8_t)share_mode(one)};
}

static apple_region_submap submap_of(region *one) {
    count_pages(one);
    return (apple_region_submap){.protection = one->access,
                                 .max_protection = 7,
                                 .offset = one->offset,
                                 .pages_resident = (uint32_t)one->pages_resident,
                                 .pages_swapped_out = (uint32_t)one->pages_swapped,
                                 .external_pager = one->inode != 0,
                                 .ref_count = 1,
                                 .share_mode = (uint8_t)share_mode(one)};
}

static int fill(void *out, uint32_t *words, const void *from, size_t bytes) {
    if (*words * 4 < bytes) return APPLE_KERN_INVALID_ARGUMENT;
    memcpy(out, from, bytes);
    *words = (uint32_t)(bytes / 4);
    return APPLE_KERN_SUCCESS;
}

static bool find_and_tell(uint64_t *address, uint64_t *size, region *found) {
    if (!find_region(*address, found)) return false;
    *address = found->start;
    *size = found->end - found->start;
    return true;
}

int mac_vm_region_64(uint32_t task, uint64_t *address, uint64_t *size, int flavor, void *info, uint32_t *words,
                     uint32_t *object) {
    (void)task;
    static __thread region found;
    if (!find_and_tell(address, size, &found)) return APPLE_KERN_INVALID_ADDRESS;
    if (object) *object = 0;
    apple_region_basic basic = basic_of(&found);
    if (flavor == APPLE_REGION_BASIC) return fill(info, words, &basic, sizeof basic);
    if (flavor != APPLE_REGION_EXTENDED) return APPLE_KERN_INVALID_ARGUMENT;
    apple_region_extended extended = extended_of(&found);
    return fill(info, words, &extended, sizeof extended);
}

int mac_mach_vm_region(uint32_t task, uint64_t *address, uint64_t *size, int flavor, void *info, uint32_t *words,
                       uint32_t *object) {
    return mac_vm_region_64(task, address, size, flavor, info, words, object);
}

int mac_vm_region_recurse_64(uint32_t task, uint64_t *address, uint64_t *size, uint32_t *depth, void *info,
                             uint32_t *words) {
    (void)task;
    static __thread region found;
    if (!find_and_tell(address, size, &found)) return APPLE_KERN_INVALID_ADDRESS;
    *depth = 0;
    apple_region_submap submap = submap_of(&found);
    return fill(info, words, &submap, sizeof submap);
}

static bool find_region_of_file(uint64_t address, region *found) {
    while (find_region(address, found) && found->inode == 0) address = found->end;
    return found->inode != 0 && found->end > address;
}

/* Like Apple's kernel, answer for the region at or after the address. */
int mac_process_region(uint64_t address, void *out, int bytes, apple_region_question question) {
    static __thread region found;
    found.inode = 0;
    bool is_found = question == REGION_OF_FILE ? find_region_of_file(address, &found) : find_region(address, &found);
    if (bytes < (int)sizeof(apple_process_region) || !is_found) {
        errno = EINVAL;
        return 0;
    }
    found.pages_resident = found.pages_swapped = 0;
    if (question != REGION_OF_FILE) count_pages(&found);
    apple_process_region *info = out;
    *info = (apple_process_region){.protection = (uint32_t)found.access,
                                   .max_protection = 7,
                                   .inheritance = found.is_shared ? 0 : 1,
                                   .offset = found.offset,
                                   .pages_resident = (uint32_t)found.pages_resident,
                                   .pages_swapped_out = (uint32_t)found.pages_swapped,
                                   .ref_count = 1,
                                   .share_mode = (uint32_t)share_mode(&found),
                                   .private_pages_resident = found.is_shared ? 0 : (uint32_t)found.pages_resident,
                                   .shared_pages_resident = found.is_shared ? (uint32_t)found.pages_resident : 0,
                                   .address = found.start,
                                   .size = found.end - found.start};
    if (question == REGION) return sizeof *info;
    /* struct proc_regionwithpathinfo: then struct vnode_info_path, whose last 1024 bytes are the path. */
    memset(info + 1, 0, (size_t)bytes - sizeof *info);
    memcpy((char *)(info + 1) + APPLE_INODE_AT, &found.inode, sizeof found.inode);
    if (found.inode != 0) snprintf((char *)out + bytes - 1024, 1024, "%s", found.path);
    return bytes;
}
