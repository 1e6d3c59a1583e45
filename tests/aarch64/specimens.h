/* specimens.h: functions whose frames differ, each compiled in several ways (flags in test_aarch64.py).
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
    const specimen *const *next; /* NULL: the last is due */
    void (*last)(void *argument);
    void *argument;
};

/* A set: one way of compiling. */
typedef struct specimen_set {
    const char *name;
    const specimen *callers; /* go on with the chain */
    size_t caller_count;
    const specimen *leaves; /* call nobody */
    size_t leaf_count;
} specimen_set;

extern const specimen_set *const specimen_sets[];
extern const size_t specimen_set_count;

/* Without tables of their own: only the frame pointer leads through them. */
extern const specimen_set untabled_with_frame_pointers, untabled_without;

/* Written by hand: frames that compilers rarely make; the instructions that call, some of which only processors have
 * that sign; a jump by which a caller goes on that has written the return address itself; and a caller that uses the
 * frame pointer for something else. */
extern const specimen_set handwritten, calls, signed_calls;
extern const specimen no_call, no_record;

/* Whether this processor signs return addresses. */
bool signs_return_addresses(void);

static inline __attribute__((always_inline)) void go_on(chain *rest) {
    const specimen *next = *rest->next;
    if (next) {
        rest->next++;
        next->function(rest);
    } else {
        rest->last(rest->argument);
    }
    __asm__ volatile("" ::: "memory"); /* no tail call */
}

#endif
