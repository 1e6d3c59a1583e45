#include "memory.h"

#include "options.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Atomic size_t mapped_bytes;

static size_t whole_pages(size_t bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE); /* read from the auxiliary vector: no system call */
    return (bytes + page - 1) & ~(page - 1);
}

void *sp_memory_map(size_t bytes) {
    if (bytes == 0 || bytes > SIZE_MAX / 2) return NULL;
    size_t pages = whole_pages(bytes);
    size_t before = atomic_fetch_add(&mapped_bytes, pages);
    void *address = MAP_FAILED;
    if (before + pages <= sp_options.engine_bytes_max)
        address = mmap(NULL, pages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address != MAP_FAILED) return address;
    atomic_fetch_sub(&mapped_bytes, pages);
    return NULL;
}

#define HUGE_PAGE ((size_t)2 << 20)

/* One huge page more than is needed, less what lies before and behind the aligned part. */
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
    if (munmap(address, whole_pages(bytes)) == 0) atomic_fetch_sub(&mapped_bytes, whole_pages(bytes));
}

#define NO_SUCH_WAY (-1)
#define KERNEL_SIGNAL_SET 8

/* The kernel copies the set before it refuses the way in which it is asked to apply it; every sandbox allows this call. */
bool sp_memory_is_readable(uintptr_t address) {
    int saved_errno = errno;
    uintptr_t set = address & ~(uintptr_t)(KERNEL_SIGNAL_SET - 1);
    long status = syscall(SYS_rt_sigprocmask, NO_SUCH_WAY, set, NULL, KERNEL_SIGNAL_SET);
    bool readable = status == 0 || errno != EFAULT;
    errno = saved_errno;
    return readable;
}

size_t sp_memory_mapped(void) {
    return atomic_load(&mapped_bytes);
}
