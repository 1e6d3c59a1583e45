#include "word_wait.h"

#include "spprof/clock.h"

/* The kernel's futex, which libSystem exports and libc++ uses. No public call before macOS 14.4 does the same. */
#define COMPARE_AND_WAIT 1
#define WAKE_ALL 0x100u
#define NO_ERRNO 0x1000000u
extern int __ulock_wait(uint32_t operation, void *address, uint64_t value, uint32_t timeout_us);
extern int __ulock_wake(uint32_t operation, void *address, uint64_t value);

#define NS_OF_SECOND INT64_C(1000000000)
#define NS_OF_US 1000
#define LONGEST_US (INT64_C(60) * 1000 * 1000) /* the timeout has 32 bits, and 0 means none */

static int64_t ns_left(const struct timespec *until) {
    struct timespec now;
    clock_gettime(SPPROF_CLOCK, &now);
    return ((int64_t)until->tv_sec - now.tv_sec) * NS_OF_SECOND + until->tv_nsec - now.tv_nsec;
}

bool sp_word_wait(_Atomic uint32_t *word, uint32_t value, const struct timespec *until) {
    int64_t ns = ns_left(until);
    if (ns <= 0) return false;
    int64_t us = (ns + NS_OF_US - 1) / NS_OF_US;
    __ulock_wait(COMPARE_AND_WAIT | NO_ERRNO, word, value, (uint32_t)(us < LONGEST_US ? us : LONGEST_US));
    return true;
}

void sp_word_wake_all(_Atomic uint32_t *word) {
    __ulock_wake(COMPARE_AND_WAIT | WAKE_ALL | NO_ERRNO, word, 0);
}
