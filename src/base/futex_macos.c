#include "futex.h"

#include <errno.h>
#include <stdbool.h>
#include <time.h>

/* In no public header. The public functions, os_sync_wait_on_address and os_sync_wake_by_address_any, need macOS 14.4.
 * Until then every C++ program depends on these two, through libc++. */
int __ulock_wait(uint32_t operation, void *address, uint64_t value, uint32_t microseconds); /* 0: no limit */
int __ulock_wake(uint32_t operation, void *address, uint64_t unused);

#define COMPARE_AND_WAIT 1 /* 32 bits, for threads of this process */

/* Return false if the kernel refused to wait. EFAULT: the word's page was not in memory, so look at the word again. */
static bool wait(_Atomic uint32_t *word, uint32_t value, uint32_t microseconds) {
    return __ulock_wait(COMPARE_AND_WAIT, word, value, microseconds) >= 0 || errno == EINTR || errno == ETIMEDOUT ||
           errno == EFAULT;
}

void sp_futex_wait(_Atomic uint32_t *word, uint32_t value) {
    wait(word, value, 0);
}

void sp_futex_wait_for(_Atomic uint32_t *word, uint32_t value, uint64_t ns) {
    struct timespec limit = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
    uint64_t microseconds = ns / 1000 + (ns % 1000 != 0);
    if (microseconds == 0) return;
    if (microseconds > UINT32_MAX) microseconds = UINT32_MAX;
    if (!wait(word, value, (uint32_t)microseconds)) nanosleep(&limit, NULL); /* do not spin endlessly */
}

void sp_futex_wake_one(_Atomic uint32_t *word) {
    __ulock_wake(COMPARE_AND_WAIT, word, 0);
}
