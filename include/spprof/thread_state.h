/* thread_state.h: what the engine keeps for each thread; this_thread.h has the calling thread's. */
#ifndef SPPROF_THREAD_STATE_H
#define SPPROF_THREAD_STATE_H

#include <stdint.h>

/* 64 bytes, all zero in a new thread. Only two things read or write it: the thread itself, and signal handlers on that
 * thread. The handlers always leave `guard` as they found it. */
typedef struct spprof_thread {
    int64_t countdown;         /* gate + bytes until the next sample. Below the gate: a sample is due, or the value
                                * is from an earlier start */
    uint64_t random;           /* state of this thread's generator, 0 = not seeded yet */
    uintptr_t already_counted; /* address of the last small realloc that was decided one level up, 0 = none */
    uint32_t epoch;            /* the start for which `random` was seeded */
    uint32_t thread_id;        /* the kernel's id, 0 = not yet known */
    uint16_t handoff_size;     /* size of the sample that is being handed off, valid while handoff_armed */
    uint8_t handoff_armed;     /* 1 = the next allocation of 513 … 609 bytes is that sample */
    uint8_t guard;             /* > 0: this thread is inside the engine; hooks pass through */
    uint8_t expecting;         /* > 0: objects may have been loaded; look for them in this many more slow calls */
    uint8_t arenas;            /* > 0: an allocator maps memory for its blocks (spprof_begin_arena) */
    uint8_t unused[2];
    uintptr_t stack_low, stack_high; /* known bounds of the thread's own stack, 0 = not yet known */
    uint32_t cpu_session;            /* the session of the CPU profiler in which this thread has a timer */
    uint32_t drawn_rate;             /* the sampling interval for which `countdown` was drawn */
} spprof_thread;

_Static_assert(sizeof(spprof_thread) == 64, "all libraries share glibc's 1664 bytes of surplus static TLS");

#endif
