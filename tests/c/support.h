/* support.h: what the C tests share.
 *
 *   TEST(test_name) { … }     runs in a forked child, with cmocka's assertions: the engine's state is the process's,
 *                             so each test meets an untouched one, and a crash or a hang is one failed test
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

/* Fails the calling test if `test` fails, crashes or takes longer than five minutes in a child. */
void run_alone(const char *name, CMUnitTestFunction test);

/* From any thread and from forked children: tells and ends the process as failed. */
#define CHECK(condition) ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))
void check_failed(const char *condition, const char *file, int line) __attribute__((noreturn));

/* Runs body(0 … count − 1, argument) at once, one thread each, and waits for all. */
typedef void thread_body(unsigned index, void *argument);
void run_threads(unsigned count, thread_body *body, void *argument);

/* Forks from any thread, runs `body` in the child and checks that it came to its end. */
void run_in_child(void (*body)(void *argument), void *argument);

/* From now on the kernel answers this call with EPERM, in this thread, its children and those it starts. */
void refuse_system_call(long number);
/* The same, where its first argument is this. */
void refuse_system_call_with(long number, uint32_t first);

/* splitmix64: the same sequence for the same start. */
uint64_t next_random(uint64_t *state);
/* Uniform in 0 … below − 1. */
uint64_t random_below(uint64_t *state, uint64_t below);

/* One of the addresses, another for each n, that belong to the shard which the first bits of `top` name, and whose own
 * hash begins with the rest of its `bits` bits. */
uintptr_t address_with_hash(uint64_t top, unsigned bits, uint64_t n);

#endif
