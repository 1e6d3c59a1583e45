#include "pages.h"

#include "memory.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

size_t sp_memory_page_bytes(void) {
    return (size_t)sysconf(_SC_PAGESIZE); /* read from the auxiliary vector: no system call */
}

/* Raw system calls: libc's functions would call our own hooks. */
void *sp_pages_map(size_t bytes, int protection) {
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void *address = (void *)syscall(SYS_mmap, NULL, bytes, protection, flags, -1, 0L);
    return address == MAP_FAILED ? NULL : address;
}

bool sp_pages_unmap(void *address, size_t bytes) {
    return syscall(SYS_munmap, address, bytes) == 0;
}

/* ---- Readable memory ---- */

#define NO_SUCH_WAY (-1)
#define KERNEL_SIGNAL_SET 8

/* The kernel copies the set before it rejects the invalid `how`. If the set is at address 0, the kernel copies
 * nothing and rejects nothing. */
bool sp_pages_read_signal_set(uintptr_t address) {
    uintptr_t set = address & ~(uintptr_t)(KERNEL_SIGNAL_SET - 1);
    return set != 0 && syscall(SYS_rt_sigprocmask, NO_SUCH_WAY, set, NULL, KERNEL_SIGNAL_SET) != 0 && errno != EFAULT;
}

/* This is four times slower: the kernel compares the word with another value before it waits, and the timeout is
 * zero. */
bool sp_pages_read_slowly(uintptr_t address) {
    const struct timespec no_time = {0, 0};
    uintptr_t word = address & ~(uintptr_t)(sizeof(uint32_t) - 1);
    long status = syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, UINT32_C(0x5EED5EED), &no_time, NULL, 0);
    return status == 0 || errno == EAGAIN || errno == ETIMEDOUT || errno == EINTR;
}
