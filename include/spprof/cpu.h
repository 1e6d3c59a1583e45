/* cpu.h: the CPU profiler.
 *
 *   timer of a thread ── its interval of CPU time has passed ──► signal on that thread ──► stack, weight ──► log
 *   timer of the process ──► signal on a running thread ──► it is young: a sample. Ended threads lose their timers.
 *
 * The weight of a sample is the time by which its thread's clock has advanced since that thread's previous sample. So
 * the weights add up to the CPU time spent, whatever the kernel's tick. A dropped sample loses no time: the next one
 * weighs more. Threads that have just begun have no timer of their own. The samples that the process's timer takes of
 * them stand for the time of all such threads together.
 *
 * Memory:  the log and the table of threads are mapped at the first start and stay mapped.
 * Threads: any. One lock for start and stop; handlers never wait.
 * Signals: no function here may be called in a handler.
 * Fork:    a child inherits no timers; it starts its own session.
 * Full:    samples that do not fit in the log are summed by stack (spprof_site.ticks); threads that do not fit in the
 *          table are counted.
 */
#ifndef SPPROF_CPU_H
#define SPPROF_CPU_H

#include "spprof/api.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct spprof_cpu_plan {
    uint64_t interval_ns;
    bool wall;   /* measure with the monotonic clock instead of each thread's CPU clock */
    bool native; /* include native frames */
} spprof_cpu_plan;

typedef enum spprof_cpu_status {
    SPPROF_CPU_OK,
    SPPROF_CPU_ALREADY_ACTIVE,
    SPPROF_CPU_NOT_ACTIVE,
    SPPROF_CPU_OUT_OF_MEMORY,
    SPPROF_CPU_NO_SIGNAL, /* every real-time signal already has a handler */
    SPPROF_CPU_NO_TICKS,  /* the kernel allows neither timers nor a thread that sends signals */
    SPPROF_CPU_NO_CLOCK   /* the kernel does not report CPU time, from which weights are computed */
} spprof_cpu_status;

/* From now on, record which threads set an alternate signal stack, unless they do so by a raw system call. A thread
 * whose signal stack has no room for a tick is not sampled. Call this before a start, not in a handler. It enters
 * the loader. On macOS it does nothing: such calls cannot be hooked. */
SPPROF_API void spprof_follow_signal_stacks(void);

/* Begin a session and discard the previous one's data. Every thread is sampled, including those that start later. If
 * the kernel refuses timers, a thread of ours sends the signals: it follows the wall clock and signals the threads
 * that have used at least an eighth of an interval of CPU time since their last sample. Not in a handler. */
SPPROF_API spprof_cpu_status spprof_cpu_start(const spprof_cpu_plan *plan);
/* End the session. When this returns, no signal handler of ours is running any more. */
SPPROF_API spprof_cpu_status spprof_cpu_stop(void);
SPPROF_API bool spprof_cpu_is_active(void);

typedef struct spprof_cpu_sample {
    uint64_t time_ns;   /* SPPROF_CLOCK */
    uint64_t weight_ns; /* CPU or wall time since the thread's previous sample; an estimate for a young thread */
    uint32_t thread_id; /* the kernel's */
    uint32_t stack;     /* the slot of its stack's id, unique until the next session (spprof_copy_stacks) */
} spprof_cpu_sample;

/* Copy up to `capacity` of the session's samples and return how many samples there are. It works during and after
 * the session. */
SPPROF_API size_t spprof_cpu_copy(spprof_cpu_sample *out, size_t capacity);

/* A thread that was seen in the session. */
typedef struct spprof_cpu_thread {
    uint32_t thread_id;
    char name[16]; /* the kernel's name for it when it was first seen, or else when the session ended */
    uint64_t samples;
    uint64_t uncovered_ns; /* since its last sample, on its clock; 0 if it has ended, or is young and not `blocked` */
    bool blocked;          /* it blocks our signal */
} spprof_cpu_thread;
/* Copy up to `capacity` of the session's threads and return how many there are. Threads that ended without a sample
 * are not kept. */
SPPROF_API size_t spprof_cpu_threads(spprof_cpu_thread *out, size_t capacity);

/* Reasons why a tick produced no sample: X(constant, name in Python, meaning). */
#define SPPROF_CPU_DROP_REASONS(X)                                                                                     \
    X(IN_ENGINE, "in_engine", "the signal interrupted the heap profiler")                                              \
    X(TORN, "torn", "the interpreter was changing its frames")                                                         \
    X(NO_STACK_ROOM, "no_stack_room", "the thread's alternate signal stack is too small")                              \
    X(NO_MEMORY, "no_memory", "the kernel provided no memory for a table")                                             \
    X(STACK_TABLE_FULL, "stack_table_full",                                                                            \
      "does not occur: such samples are kept under the stack <stacks table full>")                                     \
    X(CODE_TABLE_FULL, "code_table_full", "does not occur: such frames are kept as <code table full>")                 \
    X(THREADS_FULL, "threads_full",                                                                                    \
      "the maximum number of threads (cpu_threads_max) has been reached: a further thread is not sampled")             \
    X(TIMER_REFUSED, "timer_refused", "the kernel refused a timer for a thread: the thread is not sampled")            \
    X(SMALL_SIGNAL_STACK, "small_signal_stack",                                                                        \
      "a thread's alternate signal stack has no room: the thread is not sampled")                                      \
    X(SMALL_STACK, "small_stack", "a thread's stack has no room for a signal: the thread is not sampled")

typedef enum spprof_cpu_drop_reason {
#define X(constant, name, meaning) SPPROF_CPU_DROP_##constant,
    SPPROF_CPU_DROP_REASONS(X)
#undef X
        SPPROF_CPU_DROP_REASON_COUNT
} spprof_cpu_drop_reason;

/* A session gives up once it has lost this many samples as torn and they make up more than 99 % of all samples. In
 * that case the interpreter is not the one the walker was built for, and each attempt costs the program time. */
#define SPPROF_CPU_HOPELESS_TORN 1000

typedef struct spprof_cpu_stats {
    spprof_cpu_plan plan;
    uint32_t sessions; /* starts so far */
    bool active;
    bool displaced;            /* the program has replaced our handler with its own, so nothing is sampled any more */
    bool gave_up;              /* sampling ended: at least SPPROF_CPU_HOPELESS_TORN stacks were torn, and hardly any
                                * were whole */
    bool by_thread;            /* a thread of ours sends the signals */
    uint32_t threads;          /* seen in this session */
    uint64_t samples;          /* samples in the log or summed by stack */
    uint64_t weight_ns;        /* of all samples */
    uint64_t start_ns, end_ns; /* SPPROF_CLOCK; while active, the end is the present */
    uint64_t process_ns;       /* CPU time of the process since the start */
    uint64_t handler_ns;       /* CPU time spent in the handler; wall time in wall mode */
    uint64_t dropped[SPPROF_CPU_DROP_REASON_COUNT];
} spprof_cpu_stats;
SPPROF_API void spprof_cpu_get_stats(spprof_cpu_stats *stats);

#endif
