#include "entropy.h"

#include "clock.h"

#include <sys/random.h>

uint64_t sp_entropy_word(void) {
    uint64_t word;
    if (getentropy(&word, sizeof word) == 0) return word;
    return sp_clock_monotonic_ns() ^ (uint64_t)(uintptr_t)&word << 32; /* refused, by a sandbox */
}
