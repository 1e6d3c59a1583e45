/* signal_stacks.h: which threads have an alternate signal stack, or a stack, that is too small for a tick. The kernel
 * kills a process if a signal does not fit.
 *
 *   sigaltstack(new) ──► too small? ──► remembered ──► listener->leave ──► the kernel ──► … ──► listener->come_back
 *
 * Memory:  static.
 * Threads: any. Signals: all functions except sp_signal_stacks_follow are safe.
 * Full:    if a thread does not fit in the list of threads, our signal is blocked in it.
 */
#ifndef SP_SIGNAL_STACKS_H
#define SP_SIGNAL_STACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Both are called on the thread that they concern. `leave`: this thread must not get any more ticks; return false if
 * a tick may still arrive. `come_back`: this thread may get ticks again. */
typedef struct sp_signal_stacks_listener {
    bool (*leave)(void);
    void (*come_back)(void);
} sp_signal_stacks_listener;

void sp_signal_stacks_follow(const sp_signal_stacks_listener *listener);

/* Do what sigaltstack does for the program; `call` is the original. */
typedef int sp_sigaltstack(const void *new_stack, void *old_stack);
int sp_signal_stacks_set(const void *new_stack, void *old_stack, sp_sigaltstack *call);

/* Ask the kernel about the calling thread's signal stack, which may have been set before our hook was in place. In a
 * forked child, first forget all other threads. */
void sp_signal_stacks_look(bool is_new_process);

/* Return whether the thread's signal stack has no room for a tick. */
bool sp_signal_stacks_is_small(uint32_t thread_id);

/* Like sp_signal_stacks_is_small(), but for a thread's own stack, if glibc created it or it ends at a guard page.
 * Return false for the program's first thread, and whenever the size is unknown. */
bool sp_signal_stacks_is_thread_small(uint32_t thread_id);

#endif
