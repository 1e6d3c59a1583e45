/* Compiled once per set, with the set's name as SET. */
#include "specimens.h"

#include <alloca.h>
#include <stdarg.h>
#include <string.h>

#define JOINED(left, right) left##_##right
#define JOIN(left, right) JOINED(left, right)
#define QUOTED(text) #text
#define QUOTE(text) QUOTED(text)

/* The function is in section set_noun, and the linker defines symbols for both of its ends. */
#define START(noun) JOIN(__start, JOIN(SET, noun))
#define STOP(noun) JOIN(__stop, JOIN(SET, noun))
#define SPECIMEN(noun)                                                                                                 \
    extern const char START(noun)[], STOP(noun)[];                                                                     \
    __attribute__((noinline, noclone, section(QUOTE(SET) "_" #noun))) static void noun(chain *rest)
#define LISTED(noun)                                                                                                   \
    {                                                                                                                  \
        noun, {                                                                                                        \
            QUOTE(SET) " " #noun, (uintptr_t)START(noun), (uintptr_t)STOP(noun)                                        \
        }                                                                                                              \
    }

static volatile long number = 3;
static volatile double fraction = 0.5;

static inline __attribute__((always_inline)) void touch(volatile char *array) {
    array[number] = 1;
    number = array[number] + 2;
}

/* ---- Callers ---- */

SPECIMEN(plain) {
    go_on(rest);
}

SPECIMEN(saving_registers) {
    long a = number, b = number, c = number, d = number, e = number, f = number, g = number, h = number, i = number;
    go_on(rest);
    number = (a + b + c + d + e + f + g + h + i) / 9;
}

SPECIMEN(saving_vectors) {
    double a = fraction, b = fraction, c = fraction, d = fraction, e = fraction, f = fraction, g = fraction;
    go_on(rest);
    fraction = (a + b + c + d + e + f + g) / 7;
}

SPECIMEN(with_an_array) {
    volatile char array[3000];
    touch(array);
    go_on(rest);
    touch(array);
}

/* The frame is larger than a rule can express. */
SPECIMEN(with_a_huge_array) {
    volatile char array[200000];
    touch(array);
    go_on(rest);
    touch(array);
}

SPECIMEN(with_a_variable_array) {
    volatile char *array = alloca((size_t)number * 100);
    touch(array);
    go_on(rest);
    touch(array);
}

SPECIMEN(with_a_variable_array_and_registers) {
    long a = number, b = number, c = number, d = number, e = number;
    volatile char array[a * 50];
    touch(array);
    go_on(rest);
    touch(array);
    number = (a + b + c + d + e) / 5;
}

SPECIMEN(aligned) {
    volatile char array[256] __attribute__((aligned(64)));
    touch(array);
    go_on(rest);
    touch(array);
}

static __attribute__((always_inline)) inline void branch(chain *rest, int branches) {
    volatile char array[64];
    for (int i = 0; i < branches; i++) touch(array);
    go_on(rest);
}

/* Returns early if there is nothing left to do, so registers are saved late. */
SPECIMEN(leaving_early) {
    if (number == 0) return;
    long a = number, b = number;
    branch(rest, (int)a);
    number = (a + b) / 2;
}

typedef struct large {
    long words[12];
} large;

SPECIMEN(by_value) {
    large one = {{number}}, other = one;
    go_on(rest);
    number = (one.words[0] + other.words[0]) / 2;
}

/* ---- Leaves ---- */

SPECIMEN(leaf) {
    (void)rest;
    number = number * 3 / 3;
}

SPECIMEN(leaf_with_an_array) {
    (void)rest;
    volatile char array[100];
    for (int i = 0; i < 3; i++) touch(array + i);
}

SPECIMEN(leaf_with_a_loop) {
    (void)rest;
    for (int i = 0; i < 3; i++) fraction = fraction / 2 + 0.25;
}

/* ---- The set ---- */

static const specimen callers[] = {
    LISTED(plain),
    LISTED(saving_registers),
    LISTED(saving_vectors),
    LISTED(with_an_array),
    LISTED(with_a_huge_array),
    LISTED(with_a_variable_array),
    LISTED(with_a_variable_array_and_registers),
    LISTED(aligned),
    LISTED(leaving_early),
    LISTED(by_value),
};

static const specimen leaves[] = {
    LISTED(leaf),
    LISTED(leaf_with_an_array),
    LISTED(leaf_with_a_loop),
};

const specimen_set SET = {
    .name = QUOTE(SET),
    .callers = callers,
    .caller_count = sizeof callers / sizeof *callers,
    .leaves = leaves,
    .leaf_count = sizeof leaves / sizeof *leaves,
};
