#include "memory.h"

#include "pages.h"
#include "proc_file.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define HUGE_PAGE ((size_t)2 << 20)

/* Map one huge page more than needed, and unmap the parts before and after the aligned part. */
void *sp_memory_map_dense(size_t bytes) {
    if (bytes < HUGE_PAGE) return sp_memory_map(bytes);
    size_t wanted = sp_pages_round_up(bytes), mapped = wanted + HUGE_PAGE;
    char *address = sp_memory_map(mapped);
    if (!address) return NULL;
    char *aligned = (char *)(((uintptr_t)address + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1));
    if (aligned > address) sp_memory_unmap(address, (size_t)(aligned - address));
    size_t behind = (size_t)(address + mapped - (aligned + wanted));
    if (behind > 0) sp_memory_unmap(aligned + wanted, behind);
    madvise(aligned, wanted, MADV_HUGEPAGE);
    return aligned;
}

void sp_memory_empty(void *address, size_t bytes) {
    madvise(address, sp_pages_round_up(bytes), MADV_DONTNEED);
}

/* ---- Copies of memory that may be missing ---- */

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
    return copy_by_kernel_or(sp_pages_copy_readable, to, from, bytes);
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
