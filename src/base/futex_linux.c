#include "futex.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void sp_futex_wait(_Atomic uint32_t *word, uint32_t value) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

void sp_futex_wait_for(_Atomic uint32_t *word, uint32_t value, uint64_t ns) {
    struct timespec limit = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
    bool refused = syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, &limit, NULL, 0) != 0 &&
                   (errno == ENOSYS || errno == EPERM);
    if (refused) nanosleep(&limit, NULL); /* do not spin endlessly */
}

void sp_futex_wake_one(_Atomic uint32_t *word) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
