/* support.h: helpers that the C tests share.
 *
 *   TEST(test_name) { … }     runs in a forked child, with cmocka's assertions. The engine's state belongs to the
 *                             process, so each test starts with a fresh state, and a crash or hang fails one test
 *
 * Threads: cmocka's assertions belong to the thread that runs the test; other threads use CHECK.
 */
#ifndef SUPPORT_H
#define SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TEST(name)                                                                                                     \
    static void name##_alone(void **state);                                                                            \
    static void name(void **state) {                                                                                   \
        (void)state;                                                                                                   \
        run_alone(#name, name##_alone);                                                                                \
    }                                                                                                                  \
    static void name##_alone(__attribute__((unused)) void **state)

/* Run `test` in a child. Fail the calling test if it fails, crashes or takes longer than five minutes. */
void run_alone(const char *name, CMUnitTestFunction test);

/* For use on any thread and in forked children: report the failure and end the process. */
#define CHECK(condition) ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))
void check_failed(const char *condition, const char *file, int line) __attribute__((noreturn));

/* Run body(0 … count − 1, argument) concurrently, each on its own thread, and wait for all of them. */
typedef void thread_body(unsigned index, void *argument);
void run_threads(unsigned count, thread_body *body, void *argument);

/* Fork from any thread, run `body` in the child and check that it completed. */
void run_in_child(void (*body)(void *argument), void *argument);

/* From now on, make the kernel refuse this system call with EPERM, in this thread, its children and the threads that
 * it starts. Only on Linux. */
void refuse_system_call(long number);
/* Like refuse_system_call(), but only for calls with this first argument. */
void refuse_system_call_with(long number, uint32_t first);

/* splitmix64, which gives the same sequence for the same seed. */
uint64_t next_random(uint64_t *state);
/* Return a uniformly distributed number in 0 … below − 1. */
uint64_t random_below(uint64_t *state, uint64_t below);

/* Return an address that differs for each n. It is in the shard that the first bits of `top` name, and its own hash
 * begins with the remaining bits of `top`, which has `bits` bits in all. */
uintptr_t address_with_hash(uint64_t top, unsigned bits, uint64_t n);

#endif
