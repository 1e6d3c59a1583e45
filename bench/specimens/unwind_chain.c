/* unwind_chain.c: a stack of about thirty frames, mostly of different functions, that ends in the stopwatch.
 *
 * usage: unwind_chain LIBUNWIND SLICES       each line: kind, frames, nanoseconds per stack; kinds take turns
 *        unwind_chain LIBUNWIND KIND N       runs one kind N times, for a tool that counts instructions
 *
 * LIBUNWIND is its library, or "-". Compiled once without and once with frame pointers (-DFRAME_POINTERS=1).
 */
#include "unwind_stopwatch.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPEATS 400
#define COLD_REPEATS 8
#define FIRST_KINDS 100 /* added to a kind: the kind's first stack in a thread */
#define PYTHON_FRAMES 8

typedef void bottom(void);

static bottom *at_bottom;
static uintptr_t anchors[PYTHON_FRAMES]; /* leaf first */
static long slices, counted;
static stopwatch_kind counted_kind;

/* Each function has its own frame size, and registers to save. */
#define LEVEL(n, next)                                                                                                 \
    static __attribute__((noinline)) long level_##n(long a, long b, long c) {                                          \
        volatile char room[24 * (n % 4) + 8];                                                                          \
        if (n % 3 == 0) anchors[PYTHON_FRAMES - 1 - n / 3] = (uintptr_t)room;                                          \
        room[0] = (char)a;                                                                                             \
        long below = next(b + n, c ^ a, a);                                                                            \
        return below + a * b + (n % 2 ? c : room[0]);                                                                  \
    }

static __attribute__((noinline)) long reach_bottom(long a, long b, long c) {
    at_bottom();
    return a + b + c;
}

LEVEL(21, reach_bottom)
LEVEL(20, level_21)
LEVEL(19, level_20)
LEVEL(18, level_19)
LEVEL(17, level_18)
LEVEL(16, level_17)
LEVEL(15, level_16)
LEVEL(14, level_15)
LEVEL(13, level_14)
LEVEL(12, level_13)
LEVEL(11, level_12)
LEVEL(10, level_11)
LEVEL(9, level_10)
LEVEL(8, level_9)
LEVEL(7, level_8)
LEVEL(6, level_7)
LEVEL(5, level_6)
LEVEL(4, level_5)
LEVEL(3, level_4)
LEVEL(2, level_3)
LEVEL(1, level_2)
LEVEL(0, level_1)

static void *descend(void *bottom_of_it) {
    at_bottom = (bottom *)bottom_of_it;
    volatile long result = level_0(1, 2, 3);
    (void)result;
    return NULL;
}

/* ---- At the end of the chain ---- */

static void print_slice(stopwatch_kind kind, long repeats) {
    double nanoseconds = stopwatch_nanoseconds(kind, repeats);
    printf("%d %zu %.2f\n", (int)kind, stopwatch_frames(kind), nanoseconds);
}

static void take_turns(void) {
    stopwatch_set_anchors(anchors, PYTHON_FRAMES);
    for (long slice = 0; slice < slices; slice++)
        for (int kind = STOPWATCH_OURS; kind < STOPWATCH_KINDS; kind++)
            if (stopwatch_has(kind)) print_slice(kind, kind == STOPWATCH_OURS_COLD ? COLD_REPEATS : REPEATS);
}

static stopwatch_kind first_kind;

static void take_first(void) {
    double nanoseconds = stopwatch_nanoseconds(first_kind, 1);
    printf("%d %zu %.2f\n", FIRST_KINDS + (int)first_kind, stopwatch_frames(first_kind), nanoseconds);
}

static void count_instructions(void) {
    stopwatch_set_anchors(anchors, PYTHON_FRAMES);
    stopwatch_nanoseconds(counted_kind, counted);
}

static bool take_first_in_threads(void) {
    static const stopwatch_kind kinds[] = {STOPWATCH_NOTHING, STOPWATCH_OURS, STOPWATCH_LIBUNWIND};
    for (long slice = 0; slice < slices; slice++)
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
            pthread_t thread;
            first_kind = kinds[i];
            if (!stopwatch_has(first_kind)) continue;
            if (pthread_create(&thread, NULL, descend, (void *)take_first) != 0) return false;
            pthread_join(thread, NULL);
        }
    return true;
}

int main(int argc, char **argv) {
    if (argc < 3) return 1;
    stopwatch_prepare(strcmp(argv[1], "-") == 0 ? NULL : argv[1]);
    if (argc == 4) {
        counted_kind = (stopwatch_kind)atoi(argv[2]);
        counted = atol(argv[3]);
        descend((void *)count_instructions);
        return 0;
    }
    slices = atol(argv[2]);
    descend((void *)take_turns);
    return take_first_in_threads() ? 0 : 1;
}
