/* Reports to a fuzzing engine which code an input reached.
 *
 * gcc calls __sanitizer_cov_trace_pc in every basic block, but engines read one-byte counters. This file connects the
 * two: a block increments the counter at a hash of its offset in the program. libFuzzer defines a function with the
 * same name that only prints an error, so the linker redirects the calls here (--wrap=__sanitizer_cov_trace_pc).
 */
#include <stdint.h>

#define BITS 13 /* a parser has a few thousand blocks */

void __sanitizer_cov_8bit_counters_init(uint8_t *start, uint8_t *end);
void __wrap___sanitizer_cov_trace_pc(void);

static uint8_t counters[1 << BITS];

/* Hashes an offset, because the program is loaded at a different address each time. */
void __wrap___sanitizer_cov_trace_pc(void) {
    uint32_t place = (uint32_t)((uintptr_t)__builtin_return_address(0) - (uintptr_t)counters);
    counters[place * UINT32_C(0x9E3779B1) >> (32 - BITS)]++;
}

__attribute__((constructor)) static void announce_counters(void) {
    __sanitizer_cov_8bit_counters_init(counters, counters + sizeof counters);
}
