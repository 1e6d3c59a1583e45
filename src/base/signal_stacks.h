/* signal_stacks.h: which threads have an alternate signal stack, or a stack, that is too small for a tick. The kernel
 * kills a process if a signal does not fit.
 *
 *   sigaltstack(new) ──► too small? ──► remembered ──► listener->leave ──► the kernel ──► … ──► listener->come_back
 *
 * Memory:  static.
 * Threads: any. Signals: all but sp_signal_stacks_follow is safe.
 * Full:    a thread that does not fit in the list of threads gets our signal blocked.
 */
#ifndef SP_SIGNAL_STACKS_H
#define SP_SIGNAL_STACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Called for the calling thread's ticks: it must get no further ones, or may get them again. `leave` returns false
 * if a tick may still come. */
typedef struct sp_signal_stacks_listener {
    bool (*leave)(void);
    void (*come_back)(void);
} sp_signal_stacks_listener;

void sp_signal_stacks_follow(const sp_signal_stacks_listener *listener);

/* Act as sigaltstack for the program; `call` is the original. */
typedef int sp_sigaltstack(const void *new_stack, void *old_stack);
int sp_signal_stacks_set(const void *new_stack, void *old_stack, sp_sigaltstack *call);

/* Ask the kernel about the calling thread, whose stack may be older than our hook. In a forked child, first forget
 * all other threads. */
void sp_signal_stacks_look(bool is_new_process);

/* Return whether a tick does not fit. */
bool sp_signal_stacks_is_small(uint32_t thread_id);

/* Like sp_signal_stacks_is_small(), for a thread's own stack, if glibc made it or it ends at a guard page. False for
 * the program's first thread and wherever it is unknown. */
bool sp_signal_stacks_is_thread_small(uint32_t thread_id);

#endif
