/* unwind_stopwatch.h: how long each unwinder takes for the stack on which it is asked.
 *
 *   whoever calls ──► stopwatch_nanoseconds ──► take (one for each unwinder) ──► frames of all of these
 *
 * The engine's unwinder is a copy of its own, linked in, so that its cache can be cleared. libunwind is loaded by name:
 * linked, it would take libgcc's place as well.
 *
 * Memory:  static arrays: one thread at a time. Signals: none of it.
 */
#ifndef UNWIND_STOPWATCH_H
#define UNWIND_STOPWATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum stopwatch_kind {
    STOPWATCH_NOTHING, /* what the clock itself takes */
    STOPWATCH_OURS,
    STOPWATCH_OURS_ANEW,      /* nothing is as the last time */
    STOPWATCH_OURS_COLD,      /* each address met for the first time */
    STOPWATCH_LIBUNWIND,      /* unw_backtrace */
    STOPWATCH_LIBGCC,         /* _Unwind_Backtrace */
    STOPWATCH_FRAME_POINTERS, /* a loop over them, where code keeps them */
    STOPWATCH_CAPTURE,        /* native and interpreter frames, merged and interned */
    STOPWATCH_KINDS
} stopwatch_kind;

/* `libunwind`: the library's name or path, or NULL. */
void stopwatch_prepare(const char *libunwind);
bool stopwatch_has(stopwatch_kind kind);

/* What the capture finds of an interpreter: one frame in each of the calling functions whose place is given. */
void stopwatch_set_anchors(const uintptr_t *anchors, size_t count);

/* How many frames the unwinder sees from here. */
size_t stopwatch_frames(stopwatch_kind kind);
/* Nanoseconds a stack, the mean of `repeats` at once. */
double stopwatch_nanoseconds(stopwatch_kind kind, long repeats);

/* What the engine's unwinder holds by now. */
typedef struct stopwatch_memory {
    uint64_t rules, cache_kib, cache_max_kib, modules;
    uint64_t misses, evaluated, restarted, truncated;
} stopwatch_memory;
void stopwatch_read_memory(stopwatch_memory *memory);

#endif
