#include "pages.h"

#include "memory.h"
#include "region_macos.h"

#include <errno.h>
#include <mach/mach.h>
#include <signal.h>
#include <sys/mman.h>

size_t sp_memory_page_bytes(void) {
    return vm_page_size; /* set by libSystem before it starts any other library */
}

/* libSystem's functions call the kernel and, if MallocStackLogging has set one, the logger of mappings. */
void *sp_pages_map(size_t bytes, int protection) {
    void *address = mmap(NULL, bytes, protection, MAP_PRIVATE | MAP_ANON, SP_REGION_TAG, 0);
    return address == MAP_FAILED ? NULL : address;
}

bool sp_pages_unmap(void *address, size_t bytes) {
    return munmap(address, bytes) == 0;
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
