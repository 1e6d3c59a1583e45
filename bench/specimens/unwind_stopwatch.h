/* unwind_stopwatch.h: how long each unwinder takes for the current stack.
 *
 *   any caller ──► stopwatch_nanoseconds ──► take (one for each unwinder) ──► frames of all of these
 *
 * The engine's unwinder is a separate, linked copy, so that its cache can be cleared. libunwind is loaded by name:
 * if linked, it would replace libgcc as well.
 *
 * Memory:  static arrays: one thread at a time. Signals: not safe.
 */
#ifndef UNWIND_STOPWATCH_H
#define UNWIND_STOPWATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum stopwatch_kind {
    STOPWATCH_NOTHING, /* the clock's own time */
    STOPWATCH_OURS,
    STOPWATCH_OURS_ANEW,      /* everything differs from the previous stack */
    STOPWATCH_OURS_COLD,      /* each address is seen for the first time */
    STOPWATCH_LIBUNWIND,      /* unw_backtrace */
    STOPWATCH_LIBGCC,         /* _Unwind_Backtrace */
    STOPWATCH_FRAME_POINTERS, /* a loop over the frame pointers, if the code keeps them */
    STOPWATCH_CAPTURE,        /* native and interpreter frames, merged and interned */
    STOPWATCH_KINDS
} stopwatch_kind;

/* `libunwind`: the library's name or path, or NULL. */
void stopwatch_prepare(const char *libunwind);
bool stopwatch_has(stopwatch_kind kind);

/* Sets what the capture finds of an interpreter: one frame in each calling function whose address is given. */
void stopwatch_set_anchors(const uintptr_t *anchors, size_t count);

/* Returns how many frames the unwinder sees from here. */
size_t stopwatch_frames(stopwatch_kind kind);
/* Takes `repeats` stacks at once, and returns the mean nanoseconds per stack. */
double stopwatch_nanoseconds(stopwatch_kind kind, long repeats);

/* The memory that the engine's unwinder currently uses. */
typedef struct stopwatch_memory {
    uint64_t rules, cache_kib, cache_max_kib, modules;
    uint64_t misses, evaluated, restarted, truncated;
} stopwatch_memory;
void stopwatch_read_memory(stopwatch_memory *memory);

#endif
