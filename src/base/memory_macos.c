#include "memory.h"

#include "pages.h"
#include "region_macos.h"

#include <errno.h>
#include <mach/mach.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

size_t sp_memory_page_bytes(void) {
    return vm_page_size; /* set by libSystem before it starts any other library */
}

/* ---- Pages ---- */

/* vmmap shows the engine's memory as "Memory Tag 247". */
#define TAG VM_MAKE_TAG(VM_MEMORY_APPLICATION_SPECIFIC_8)

/* libSystem's functions call the kernel and, if MallocStackLogging has set one, the logger of mappings. */
void *sp_pages_map(size_t bytes, int protection) {
    void *address = mmap(NULL, bytes, protection, MAP_PRIVATE | MAP_ANON, TAG, 0);
    return address == MAP_FAILED ? NULL : address;
}

bool sp_pages_unmap(void *address, size_t bytes) {
    return munmap(address, bytes) == 0;
}

/* Huge pages exist on x86-64 only, and would be wired. */
void *sp_memory_map_dense(size_t bytes) {
    return sp_memory_map(bytes);
}

/* New pages take the old ones' place in one step. After madvise the old content might still be there. */
void sp_memory_empty(void *address, size_t bytes) {
    size_t pages = sp_pages_round_up(bytes);
    if (pages == 0) return;
    void *fresh = mmap(address, pages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON | MAP_FIXED, TAG, 0);
    if (fresh == MAP_FAILED) memset(address, 0, pages);
}

/* ---- Readable memory ---- */

#define NO_SUCH_WAY (-1)

/* As on Linux, the kernel copies the set before it rejects the invalid `how`. At address 0 it copies nothing. */
bool sp_pages_read_signal_set(uintptr_t address) {
    uintptr_t set = address & ~(uintptr_t)(sizeof(sigset_t) - 1);
    int status = set != 0 ? pthread_sigmask(NO_SUCH_WAY, (const sigset_t *)set, NULL) : EFAULT;
    return status != 0 && status != EFAULT;
}

/* Says no to all of the system's shared libraries: their entry says nothing about single pages. */
bool sp_pages_read_slowly(uintptr_t address) {
    struct proc_regioninfo region;
    return sp_region_at(address, &region) && region.pri_address <= address &&
           (region.pri_flags & PROC_REGION_SUBMAP) == 0 && (region.pri_protection & VM_PROT_READ) != 0;
}

/* ---- Copies of memory that may be missing ---- */

/* There is no system call that copies: only messages do, which a handler must not send (region_macos.h). */
bool sp_memory_copy(void *to, uintptr_t from, size_t bytes) {
    return sp_pages_copy_readable(to, from, bytes);
}

bool sp_memory_copy_by_kernel(void *to, uintptr_t from, size_t bytes) {
    vm_size_t copied = 0;
    return vm_read_overwrite(mach_task_self(), from, bytes, (vm_address_t)to, &copied) == KERN_SUCCESS &&
           copied == bytes;
}
