#include "memory.h"

#include "pages.h"
#include "region_macos.h"

#include <mach/mach.h>
#include <string.h>
#include <sys/mman.h>

/* Huge pages exist on x86-64 only, and would be wired. */
void *sp_memory_map_dense(size_t bytes) {
    return sp_memory_map(bytes);
}

/* New pages take the old ones' place in one step. After madvise the old content might still be there. */
void sp_memory_empty(void *address, size_t bytes) {
    size_t pages = sp_pages_round_up(bytes);
    if (pages == 0) return;
    void *fresh = mmap(address, pages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON | MAP_FIXED, SP_REGION_TAG, 0);
    if (fresh == MAP_FAILED) memset(address, 0, pages);
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
