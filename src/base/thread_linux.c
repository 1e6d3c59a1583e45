#include "thread.h"

#include <sys/syscall.h>
#include <unistd.h>

uint32_t sp_thread_kernel_id(void) {
    return (uint32_t)syscall(SYS_gettid);
}
