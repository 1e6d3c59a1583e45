#include "mapped_list.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* With MS_ASYNC the kernel only checks whether there is a mapping. libc's function is not used: it is a cancellation
 * point, at which a thread could end inside the program's own mremap. */
bool sp_mapped_list_has(uintptr_t start, size_t size) {
    int saved_errno = errno;
    bool mapped = syscall(SYS_msync, start, size, MS_ASYNC) == 0 || errno != ENOMEM;
    errno = saved_errno;
    return mapped;
}
