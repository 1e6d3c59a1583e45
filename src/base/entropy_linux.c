#include "entropy.h"

#include "clock.h"
#include "thread.h"

#include <sys/syscall.h>
#include <unistd.h>

#define GRND_NONBLOCK_FLAG 1 /* early in the boot process there may be no entropy yet: do not wait for it */

uint64_t sp_entropy_word(void) {
    uint64_t word;
    if (syscall(SYS_getrandom, &word, sizeof word, GRND_NONBLOCK_FLAG) == (long)sizeof word) return word;
    return sp_clock_monotonic_ns() ^ (uint64_t)sp_thread_kernel_id() << 40 ^ (uintptr_t)&word;
}
