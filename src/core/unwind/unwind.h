/* unwind.h: the calling thread's native stack, without frame pointers.
 *
 *   same as last time? ──► compared, not unwound (last_walk.h)              about 2 ns per frame
 *   pc ──► rule (rule_cache.h) ──► CFA, caller's pc ──► rule ──► …          about 6 ns per frame
 *           └ miss: object ► description ► row ► rule                       once per address
 *           └ what 32 bits cannot express: the row, each time (caller.h)
 *
 * Memory:  the caller's arrays. Every load from the stack is bounded (stack_memory.h): a wrong description or a torn
 *          stack truncates the result and never causes a crash.
 * Threads: the calling thread's own stack only. Takes no lock, neither ours nor the loader's.
 * Signals: safe.
 * Full:    `capacity` frames are kept, and depth_limited is set.
 */
#ifndef SP_UNWIND_H
#define SP_UNWIND_H

#include "last_walk.h"
#include "registers.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Call this once, before the other functions; not in a handler. */
void sp_unwind_prepare(void);

typedef struct sp_native_stack {
    uintptr_t *addresses; /* one past the call, or one past the instruction that a signal interrupted */
    uintptr_t begin;      /* where the first frame begins; each later one begins where the previous one ended */
    uintptr_t *ends;      /* where each frame ends. For the last frame, unless depth_limited, where it begins: its
                           * end is unknown */
    size_t capacity, count;
    sp_last_walks *last;   /* NULL: no last walk. Otherwise capacity is at most SPPROF_STACK_FRAMES_MAX */
    const uint64_t *words; /* the interpreter's (spprof_walker), to leave out its generated code; NULL: none */
    size_t word_count;
    bool depth_limited; /* there were more frames than `capacity` */
    bool truncated;     /* ended before the thread's first frame */
    bool interrupted;   /* the frames include a signal handler's frame */
} sp_native_stack;

/* Unwind from `registers`. The function they belong to is the first frame. */
void sp_unwind(const sp_registers *registers, sp_native_stack *out);

/* Find where the function that contains `pc` begins and ends. Return false if it is not described. */
bool sp_unwind_find_function(uintptr_t pc, uintptr_t *start, uintptr_t *end);

/* Discard the cached rules, after an object was unloaded. On macOS this happens by itself. */
void sp_unwind_forget(void);

/* How many times the walk left the fast path. */
typedef struct sp_unwind_counters {
    uint64_t misses;    /* addresses seen for the first time */
    uint64_t evaluated; /* a row instead of a rule */
    uint64_t restarted; /* stacks that needed all registers */
    uint64_t truncated;
} sp_unwind_counters;
sp_unwind_counters sp_unwind_read_counters(void);

#endif
