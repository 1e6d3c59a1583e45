/* places.h: stacks, and the functions where their frames are expected.
 *
 *   PLACED(inner) void f(void) { … }       gives one function its own section, so that addresses can be assigned to it
 *   PLACE(inner)                           the range of that section
 *
 * Threads, signals: any.
 */
#ifndef PLACES_H
#define PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLACED(name) __attribute__((noinline, noclone, section("placed_" #name)))
#define DECLARE_PLACE(name) extern const char __start_placed_##name[], __stop_placed_##name[]
#define PLACE(name) ((place){#name, (uintptr_t)__start_placed_##name, (uintptr_t)__stop_placed_##name})

typedef struct place {
    const char *name;
    uintptr_t start, end;
} place;

#define STACK_FRAMES_MAX 1024

/* A stack with the fields that unwind.h describes. */
typedef struct stack {
    uintptr_t addresses[STACK_FRAMES_MAX], ends[STACK_FRAMES_MAX];
    size_t count;
    bool depth_limited, truncated;
} stack;

/* Return the first frame at or after `from` that is in `place`, or taken->count if there is none. */
size_t stack_find(const stack *taken, size_t from, const place *place);

/* Check that the stack, starting at the first frame in expected[0], matches `expected` frame by frame. Return the
 * index of the next frame. */
size_t check_frames(const stack *taken, const place *expected, size_t count);

/* Check that the stack equals libgcc's after the first frame in `place`. */
void check_as_libgcc(const stack *taken, const stack *by_libgcc, const place *place);

/* Check that the stack ends where threads begin, and that no caller's frame ends below its callee's. */
void check_whole(const stack *taken);

#endif
