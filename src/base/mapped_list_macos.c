#include "mapped_list.h"

#include "region_macos.h"

#include <errno.h>
#include <sys/mman.h>

/* Ask the kernel entry by entry. Like on Linux, memory counts as mapped if the kernel does not answer. */
static bool is_mapped(uintptr_t start, uintptr_t end) {
    struct proc_regioninfo region;
    while (start < end) {
        if (!sp_region_at(start, &region)) return errno != EINVAL;
        if (region.pri_address > start) return false;
        start = (uintptr_t)(region.pri_address + region.pri_size);
    }
    return true;
}

/* MADV_CAN_REUSE only asks. The kernel says yes if there is writable anonymous memory everywhere: nearly always. */
bool sp_mapped_list_has(uintptr_t start, size_t size) {
    int saved_errno = errno;
    bool mapped = madvise((void *)start, size, MADV_CAN_REUSE) == 0 || is_mapped(start, start + size);
    errno = saved_errno;
    return mapped;
}
