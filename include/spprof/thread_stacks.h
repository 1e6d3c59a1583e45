/* thread_stacks.h: what every thread of the process is doing now.
 *
 *   caller ── the tick's signal ──► handler on each thread ── its stack ──► table ──► caller
 *        take: asks all, waits for those that answer ── get, get, … ── give back
 *
 * It works even if no profiler is running or has ever run. A thread that is sleeping in a system call wakes as it would
 * for any handled signal: the kernel restarts most calls, but some (poll, epoll_wait, nanosleep) end with EINTR.
 *
 * Memory:  a table of cpu_threads_max entries is mapped by the first preparation and stays mapped.
 * Threads: any, one caller at a time. After the preparation it takes no lock that the program could hold: not malloc's,
 *          not the loader's, not the interpreter's.
 * Signals: no function here may be called in a handler. errno is preserved.
 * Fork:    no request is in progress in a child; the child is prepared if its parent was.
 * Full:    threads that do not fit in the table are counted.
 */
#ifndef SPPROF_THREAD_STACKS_H
#define SPPROF_THREAD_STACKS_H

#include "spprof/api.h"
#include "spprof/stacks.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum spprof_thread_stacks_status {
    SPPROF_THREAD_STACKS_OK,
    SPPROF_THREAD_STACKS_UNPREPARED,
    SPPROF_THREAD_STACKS_BUSY, /* another thread is asking */
    SPPROF_THREAD_STACKS_OUT_OF_MEMORY,
    SPPROF_THREAD_STACKS_NO_SIGNAL, /* the program has a handler for every real-time signal */
    SPPROF_THREAD_STACKS_NO_LIST    /* /proc cannot be read */
} spprof_thread_stacks_status;

/* Install the handler and record where the loader's functions are; calling it again does no harm. It enters the
 * loader, so call it while the program is healthy, and after spprof_follow_signal_stacks. */
SPPROF_API spprof_thread_stacks_status spprof_thread_stacks_prepare(void);

/* Reasons why a thread has no stack: X(constant, text for the user). */
#define SPPROF_THREAD_ABSENCES(X)                                                                                      \
    X(LATE, "it did not answer in time")                                                                               \
    X(ENDED, "it has ended")                                                                                           \
    X(BLOCKED, "it blocks the profiler's signal")                                                                      \
    X(UNINTERRUPTIBLE, "it is in an uninterruptible system call")                                                      \
    X(STOPPED, "it is stopped")                                                                                        \
    X(SMALL_SIGNAL_STACK, "its alternate signal stack has no room for the profiler's signal")                          \
    X(SMALL_STACK, "its stack has no room for the profiler's signal")                                                  \
    X(IN_ENGINE, "it is inside the profiler")                                                                          \
    X(TORN, "the interpreter was changing its frames")                                                                 \
    X(REFUSED, "the kernel refused to send the profiler's signal")                                                     \
    X(DISPLACED, "the program has replaced the handler of the profiler's signal")                                      \
    X(BROKEN, "the profiler detected an internal error and has stopped taking stacks")

typedef enum spprof_thread_absence {
    SPPROF_THREAD_PRESENT, /* it has a stack */
#define X(constant, text) SPPROF_THREAD_##constant,
    SPPROF_THREAD_ABSENCES(X)
#undef X
        SPPROF_THREAD_ABSENCE_COUNT
} spprof_thread_absence;

typedef struct spprof_thread_stack {
    uint32_t thread_id;            /* the kernel's */
    char state;                    /* the kernel's letter (R, S, D, …) before the thread was asked; 0: it has ended */
    char name[16];                 /* the kernel's, terminated */
    char waits_in[48];             /* the kernel function it was sleeping in, terminated; "" if none or not reported */
    spprof_thread_absence absence; /* unless SPPROF_THREAD_PRESENT, `stack` is empty */
    spprof_stack stack;            /* valid until spprof_thread_stacks_give_back */
} spprof_thread_stack;

/* Ask all threads except the calling one for their stacks and wait at most `within_ns` for their answers. *count:
 * how many threads there are to get; *left_out: how many more did not fit in the table. Call
 * spprof_thread_stacks_give_back only if this returns SPPROF_THREAD_STACKS_OK. */
SPPROF_API spprof_thread_stacks_status spprof_thread_stacks_take(uint64_t within_ns, size_t *count, size_t *left_out);
SPPROF_API void spprof_thread_stacks_get(size_t index, spprof_thread_stack *stack);
SPPROF_API void spprof_thread_stacks_give_back(void);

#endif
