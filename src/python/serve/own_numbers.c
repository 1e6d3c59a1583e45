#include "own_numbers.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

static uint64_t cpu_ns(void) {
    struct timespec used = {0};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

void sp_own_numbers_read(sp_own_numbers *numbers) {
    int saved_errno = errno;
    *numbers = (sp_own_numbers){.pid = (uint64_t)getpid(), .cpu_ns = cpu_ns()};
    sp_own_numbers_ask_kernel(numbers);
    errno = saved_errno;
}
