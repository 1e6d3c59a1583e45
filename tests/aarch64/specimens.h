/* specimens.h: functions with different kinds of frames, each compiled in several ways (flags in test_aarch64.py).
 *
 *   chain: caller ─► specimen ─► specimen ─► … ─► last(argument)
 */
#ifndef SPECIMENS_H
#define SPECIMENS_H

#include "places.h"

typedef struct chain chain;

typedef struct specimen {
    void (*function)(chain *rest);
    place place;
} specimen;

struct chain {
    const specimen *const *next; /* NULL: call the last function */
    void (*last)(void *argument);
    void *argument;
};

/* A set: the specimens compiled in one way. */
typedef struct specimen_set {
    const char *name;
    const specimen *callers; /* functions that continue the chain */
    size_t caller_count;
    const specimen *leaves; /* functions that call nothing */
    size_t leaf_count;
} specimen_set;

extern const specimen_set *const specimen_sets[];
extern const size_t specimen_set_count;

/* Specimens without unwind tables: only the frame pointer leads through them. */
extern const specimen_set untabled_with_frame_pointers, untabled_without;

/* Specimens written by hand: frames that compilers rarely produce; call instructions, some of which exist only on
 * processors that sign return addresses; a caller that jumps after writing the return address itself; and a caller
 * that uses the frame pointer for something else. */
extern const specimen_set handwritten, calls, signed_calls;
extern const specimen no_call, no_record;

/* Return whether this processor signs return addresses. */
bool signs_return_addresses(void);

static inline __attribute__((always_inline)) void go_on(chain *rest) {
    const specimen *next = *rest->next;
    if (next) {
        rest->next++;
        next->function(rest);
    } else {
        rest->last(rest->argument);
    }
    __asm__ volatile("" ::: "memory"); /* prevents a tail call */
}

#endif
