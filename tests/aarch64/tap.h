/* tap.h: the minimum that a test program needs, without a library for the other architecture.
 *
 *   static void test_name(void) { CHECK(…); }      int main(void) { RUN(test_name); return EXIT_SUCCESS; }
 *
 * Each test that completes prints a line "ok test_name"; the first CHECK that fails ends the program.
 */
#ifndef TAP_H
#define TAP_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition) ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))

static inline __attribute__((noreturn)) void check_failed(const char *condition, const char *file, int line) {
    fprintf(stderr, "%s:%d: check failed: %s\n", file, line, condition);
    exit(EXIT_FAILURE);
}

#define RUN(test) (test(), printf("ok %s\n", #test), (void)fflush(stdout))

/* splitmix64: the same sequence for the same seed. */
static inline uint64_t next_random(uint64_t *state) {
    uint64_t word = *state += UINT64_C(0x9E3779B97F4A7C15);
    word = (word ^ word >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    word = (word ^ word >> 27) * UINT64_C(0x94D049BB133111EB);
    return word ^ word >> 31;
}

static inline uint64_t random_below(uint64_t *state, uint64_t below) {
    return next_random(state) % below;
}

#endif
