#include "memory.h"

#include "options.h"
#include "proc_file.h"
#include "thread.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static _Atomic size_t mapped_bytes;

size_t sp_memory_page_bytes(void) {
    return (size_t)sysconf(_SC_PAGESIZE); /* read from the auxiliary vector: no system call */
}

static size_t whole_pages(size_t bytes) {
    size_t page = sp_memory_page_bytes();
    return (bytes + page - 1) & ~(page - 1);
}

/* Raw system calls: libc's functions would call our own hooks. */
static void *map_pages(size_t bytes, int protection) {
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    return (void *)syscall(SYS_mmap, NULL, bytes, protection, flags, -1, 0L);
}

static bool unmap_pages(void *address, size_t bytes) {
    return syscall(SYS_munmap, address, bytes) == 0;
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
    size_t pages = whole_pages(bytes);
    size_t before = atomic_fetch_add(&mapped_bytes, pages);
    void *address = MAP_FAILED;
    if (before + pages <= sp_options.engine_bytes_max) address = map_pages(pages, PROT_READ | PROT_WRITE);
    if (address != MAP_FAILED) {
        list_own((uintptr_t)address, pages);
        return address;
    }
    atomic_fetch_sub(&mapped_bytes, pages);
    return NULL;
}

#define HUGE_PAGE ((size_t)2 << 20)

/* Map one huge page more than needed, and unmap the parts before and after the aligned part. */
void *sp_memory_map_dense(size_t bytes) {
    if (bytes < HUGE_PAGE) return sp_memory_map(bytes);
    size_t wanted = whole_pages(bytes), mapped = wanted + HUGE_PAGE;
    char *address = sp_memory_map(mapped);
    if (!address) return NULL;
    char *aligned = (char *)(((uintptr_t)address + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1));
    if (aligned > address) sp_memory_unmap(address, (size_t)(aligned - address));
    size_t behind = (size_t)(address + mapped - (aligned + wanted));
    if (behind > 0) sp_memory_unmap(aligned + wanted, behind);
    madvise(aligned, wanted, MADV_HUGEPAGE);
    return aligned;
}

void sp_memory_unmap(void *address, size_t bytes) {
    unlist_own((uintptr_t)address, whole_pages(bytes)); /* before the address may be given to another thread */
    if (unmap_pages(address, whole_pages(bytes))) atomic_fetch_sub(&mapped_bytes, whole_pages(bytes));
}

void sp_memory_empty(void *address, size_t bytes) {
    madvise(address, whole_pages(bytes), MADV_DONTNEED);
}

/* ---- Readable memory ---- */

#define NO_SUCH_WAY (-1)
#define KERNEL_SIGNAL_SET 8

/* The kernel copies the set before it rejects the invalid `how`. If the set is at address 0, the kernel copies
 * nothing and rejects nothing. */
static bool is_readable_signal_set(uintptr_t address) {
    uintptr_t set = address & ~(uintptr_t)(KERNEL_SIGNAL_SET - 1);
    return set != 0 && syscall(SYS_rt_sigprocmask, NO_SUCH_WAY, set, NULL, KERNEL_SIGNAL_SET) != 0 && errno != EFAULT;
}

/* This is four times slower: the kernel compares the word with another value before it waits, and the timeout is
 * zero. */
static bool is_readable_futex(uintptr_t address) {
    const struct timespec no_time = {0, 0};
    uintptr_t word = address & ~(uintptr_t)(sizeof(uint32_t) - 1);
    long status = syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, UINT32_C(0x5EED5EED), &no_time, NULL, 0);
    return status == 0 || errno == EAGAIN || errno == ETIMEDOUT || errno == EINTR;
}

typedef bool is_readable(uintptr_t address);

/* Some emulators and sandboxes reject `how` before they read the set, so every page would seem readable. */
static is_readable *choose_way(void) {
    void *hidden = map_pages(1, PROT_NONE);
    if (hidden == MAP_FAILED) return is_readable_futex;
    bool tells_apart = is_readable_signal_set((uintptr_t)&hidden) && !is_readable_signal_set((uintptr_t)hidden);
    unmap_pages(hidden, 1);
    return tells_apart ? is_readable_signal_set : is_readable_futex;
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

static bool copy_readable(void *to, uintptr_t from, size_t bytes) {
    if (from + bytes < from) return false;
    for (uintptr_t page = from & ~(SMALLEST_PAGE - 1); page < from + bytes; page += SMALLEST_PAGE)
        if (!sp_memory_is_readable(page)) return false;
    memcpy(to, (const void *)from, bytes);
    return true;
}

typedef bool copy(void *to, uintptr_t from, size_t bytes);

/* `otherwise`: used if the kernel does not copy. */
static bool copy_by_kernel_or(copy *otherwise, void *to, uintptr_t from, size_t bytes) {
    static _Atomic bool refused; /* the kernel has no such call, or does not permit it */
    int saved_errno = errno;
    bool copied = false, asked = !atomic_load_explicit(&refused, memory_order_relaxed);
    if (asked) {
        struct iovec here = {.iov_base = to, .iov_len = bytes}, there = {.iov_base = (void *)from, .iov_len = bytes};
        copied = syscall(SYS_process_vm_readv, getpid(), &here, 1UL, &there, 1UL, 0UL) == (long)bytes;
        if (!copied && (errno == ENOSYS || errno == EPERM)) atomic_store(&refused, true);
    }
    if (!asked || (!copied && atomic_load(&refused))) copied = otherwise(to, from, bytes);
    errno = saved_errno;
    return copied;
}

bool sp_memory_copy(void *to, uintptr_t from, size_t bytes) {
    return copy_by_kernel_or(copy_readable, to, from, bytes);
}

/* The file is opened each time: the program may close a descriptor that we keep, and in a forked child the file
 * would show the parent's memory. */
static bool copy_by_file(void *to, uintptr_t from, size_t bytes) {
    int file = sp_proc_open("mem");
    if (file < 0) return false;
    bool copied = sp_proc_read_at(file, to, bytes, from) == (int64_t)bytes;
    sp_proc_close(file);
    return copied;
}

bool sp_memory_copy_by_kernel(void *to, uintptr_t from, size_t bytes) {
    return copy_by_kernel_or(copy_by_file, to, from, bytes);
}

/* The kernel reports nothing for a range with a hole in it, so ask for each half. */
static void find_present(uintptr_t start, size_t count, unsigned char *is_present) {
    size_t page = sp_memory_page_bytes(), half = count / 2;
    if (count == 0) return;
    sp_thread_rest();
    if (mincore((void *)start, count * page, is_present) == 0) {
        for (size_t i = 0; i < count; i++) is_present[i] &= 1;
    } else if (errno == ENOMEM && count > 1) {
        find_present(start, half, is_present);
        find_present(start + half * page, count - half, is_present + half);
    } else {
        memset(is_present, 0, count);
    }
}

void sp_memory_find_present(uintptr_t start, size_t count, unsigned char *is_present) {
    int saved_errno = errno;
    find_present(start, count, is_present);
    errno = saved_errno;
}

size_t sp_memory_mapped(void) {
    return atomic_load(&mapped_bytes);
}
