/* unwind.h: the calling thread's native stack, without frame pointers.
 *
 *   as the last time? ──► compared, not unwound (last_walk.h)               some 2 ns a frame
 *   pc ──► rule (rule_cache.h) ──► CFA, caller's pc ──► rule ──► …          some 6 ns a frame
 *           └ miss: object ► description ► row ► rule                       once an address
 *           └ what 32 bits cannot say: the row, each time (caller.h)
 *
 * Memory:  the caller's arrays. Every load from the stack is bounded (stack_memory.h): a wrong description or a torn
 *          stack truncates, and never crashes.
 * Threads: the calling thread's own stack only. Takes no lock, of ours or of the loader's.
 * Signals: safe.
 * Full:    `capacity` frames, and depth_limited is set.
 */
#ifndef SP_UNWIND_H
#define SP_UNWIND_H

#include "last_walk.h"
#include "registers.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Once, before the rest; not in a handler. */
void sp_unwind_prepare(void);

typedef struct sp_native_stack {
    uintptr_t *addresses; /* one past the call; one past the instruction where a signal interrupted */
    uintptr_t begin;      /* where the first frame begins on the stack; another begins where the one before ended */
    uintptr_t *ends;      /* where each ends; the last, unless depth_limited, where it begins: more is not known */
    size_t capacity, count;
    sp_last_walks *last;   /* NULL: none; else capacity is at most SPPROF_STACK_FRAMES_MAX */
    const uint64_t *words; /* of the interpreter (spprof_walker), whose generated code is left out; NULL: none */
    size_t word_count;
    bool depth_limited; /* more frames than capacity */
    bool truncated;     /* ended before the thread's first frame */
    bool interrupted;   /* a signal handler's frames are among them */
} sp_native_stack;

/* Unwinds from `registers`, whose function is the first frame. */
void sp_unwind(const sp_registers *registers, sp_native_stack *out);

/* Where the function that holds `pc` begins and ends. False: it is not described. */
bool sp_unwind_find_function(uintptr_t pc, uintptr_t *start, uintptr_t *end);

/* After an object was unloaded. */
void sp_unwind_forget(void);

/* How often the quick way was left. */
typedef struct sp_unwind_counters {
    uint64_t misses;    /* an address met for the first time */
    uint64_t evaluated; /* a row instead of a rule */
    uint64_t restarted; /* a stack that needed all registers */
    uint64_t truncated;
} sp_unwind_counters;
sp_unwind_counters sp_unwind_read_counters(void);

#endif
