/* cpu.h: the CPU profiler.
 *
 *   timer of a thread ── its interval of CPU time is over ──► signal on that thread ──► stack, weight ──► log
 *   timer of the process ──► signal on a thread that runs ──► it is young: a sample. Threads ended: their timers go.
 *
 * A sample weighs what its thread's clock advanced since the thread's last sample. So weights add up to the CPU time
 * that was spent, whatever the kernel's tick. A sample that is dropped loses none: the next weighs more. Threads that
 * have just begun have no timer: samples of the process's stand for what they use, all together.
 *
 * Memory:  the log and the table of threads are mapped at the first start, and stay.
 * Threads: any. One lock, for start and stop; handlers never wait.
 * Signals: none of these functions is called in a handler.
 * Fork:    a child has none of its parent's timers; it begins a session of its own.
 * Full:    samples beyond the log are summed by stack (spprof_site.ticks); threads beyond the table are counted.
 */
#ifndef SPPROF_CPU_H
#define SPPROF_CPU_H

#include "spprof/api.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct spprof_cpu_plan {
    uint64_t interval_ns;
    bool wall;   /* by the monotonic clock instead of each thread's CPU clock */
    bool native; /* with native frames */
} spprof_cpu_plan;

typedef enum spprof_cpu_status {
    SPPROF_CPU_OK,
    SPPROF_CPU_ALREADY_ACTIVE,
    SPPROF_CPU_NOT_ACTIVE,
    SPPROF_CPU_OUT_OF_MEMORY,
    SPPROF_CPU_NO_SIGNAL, /* each real-time signal has a handler */
    SPPROF_CPU_NO_TICKS,  /* the kernel grants neither timers nor a thread that sends signals */
    SPPROF_CPU_NO_CLOCK   /* it does not tell CPU time, which weights are made of */
} spprof_cpu_status;

/* Learns from now on which threads set themselves an alternate signal stack, by any way but a bare system call: a
 * thread whose stack has no room for a tick is not sampled. Before a start; not in a handler. Enters the loader. */
SPPROF_API void spprof_follow_signal_stacks(void);

/* Begins a session: what the last one recorded is gone. Every thread is sampled, also those that start later. Where the
 * kernel refuses timers, a thread of ours sends the signals by the wall clock, to threads that used CPU time since.
 * Not in a handler. */
SPPROF_API spprof_cpu_status spprof_cpu_start(const spprof_cpu_plan *plan);
/* No signal's handler of ours is at work any more when it returns. */
SPPROF_API spprof_cpu_status spprof_cpu_stop(void);
SPPROF_API bool spprof_cpu_is_active(void);

typedef struct spprof_cpu_sample {
    uint64_t time_ns;   /* CLOCK_MONOTONIC */
    uint64_t weight_ns; /* CPU time, or wall time, since the thread's last sample; of a young thread an estimate */
    uint32_t thread_id; /* the kernel's */
    uint32_t stack;     /* the slot of its stack's id, which no other has until the next session (spprof_copy_stacks) */
} spprof_cpu_sample;

/* Copies the session's samples, up to `capacity`, and returns how many there are. During and after the session. */
SPPROF_API size_t spprof_cpu_copy(spprof_cpu_sample *out, size_t capacity);

/* A thread that was met in the session. */
typedef struct spprof_cpu_thread {
    uint32_t thread_id;
    char name[16]; /* the kernel's, when it was met, or else when the session ended */
    uint64_t samples;
    uint64_t uncovered_ns; /* of its clock, since its last sample; 0 if it has ended, or is young and lets signals in */
    bool blocked;          /* it blocks our signal */
} spprof_cpu_thread;
/* Copies them, up to `capacity`, and returns how many there are. Of threads that ended without a sample none is
 * kept. */
SPPROF_API size_t spprof_cpu_threads(spprof_cpu_thread *out, size_t capacity);

/* Reasons for which a tick gave no sample: X(constant, name in Python, meaning). */
#define SPPROF_CPU_DROP_REASONS(X)                                                                                     \
    X(IN_ENGINE, "in_engine", "the signal interrupted the heap profiler")                                              \
    X(TORN, "torn", "the interpreter's frames were just being changed")                                                \
    X(NO_STACK_ROOM, "no_stack_room", "the thread's alternate signal stack is too small")                              \
    X(NO_MEMORY, "no_memory", "the kernel gave no memory for a table")                                                 \
    X(STACK_TABLE_FULL, "stack_table_full", "never: such samples are kept as the stack <stacks table full>")           \
    X(CODE_TABLE_FULL, "code_table_full", "never: such frames are kept as <code table full>")                          \
    X(THREADS_FULL, "threads_full", "as many threads as the named maximum: one is not sampled")                        \
    X(TIMER_REFUSED, "timer_refused", "the kernel granted a thread no timer: it is not sampled")                       \
    X(SMALL_SIGNAL_STACK, "small_signal_stack", "a thread's alternate signal stack has no room: it is not sampled")    \
    X(SMALL_STACK, "small_stack", "a thread's stack has no room for a signal: it is not sampled")

typedef enum spprof_cpu_drop_reason {
#define X(constant, name, meaning) SPPROF_CPU_DROP_##constant,
    SPPROF_CPU_DROP_REASONS(X)
#undef X
        SPPROF_CPU_DROP_REASON_COUNT
} spprof_cpu_drop_reason;

/* A session gives up once it has lost this many samples as torn, and more than 99 of 100: this interpreter is not what
 * the walker was built for, and each try costs the program something. */
#define SPPROF_CPU_HOPELESS_TORN 1000

typedef struct spprof_cpu_stats {
    spprof_cpu_plan plan;
    uint32_t sessions; /* starts so far */
    bool active;
    bool displaced;   /* the program has put a handler of its own in the place of ours: nothing is sampled any more */
    bool gave_up;     /* of SPPROF_CPU_HOPELESS_TORN torn stacks or more hardly one was whole: none is taken any more */
    bool by_thread;   /* a thread of ours sends the signals */
    uint32_t threads; /* met in this session */
    uint64_t samples; /* in the log or summed by stack */
    uint64_t weight_ns;        /* of all samples */
    uint64_t start_ns, end_ns; /* CLOCK_MONOTONIC; while active the end is now */
    uint64_t process_ns;       /* CPU time of the process since the start */
    uint64_t handler_ns;       /* CPU time spent in the handler; by the clock in wall mode */
    uint64_t dropped[SPPROF_CPU_DROP_REASON_COUNT];
} spprof_cpu_stats;
SPPROF_API void spprof_cpu_get_stats(spprof_cpu_stats *stats);

#endif
