/* signal_stacks.h: which threads have an alternate signal stack that is too small for a tick, and which have too small
 * a stack altogether. The kernel ends a process whose signal does not fit.
 *
 *   sigaltstack(new) ──► too small? ──► remembered ──► listener->leave ──► the kernel ──► … ──► listener->come_back
 *
 * Memory:  static.
 * Threads: any. Signals: all but sp_signal_stacks_follow is safe.
 * Full:    what finds no room in the list of threads blocks our signal on its thread.
 */
#ifndef SP_SIGNAL_STACKS_H
#define SP_SIGNAL_STACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The calling thread's ticks: it must get none any more, or may get them again. `leave` returns false if a tick may
 * still come. */
typedef struct sp_signal_stacks_listener {
    bool (*leave)(void);
    void (*come_back)(void);
} sp_signal_stacks_listener;

void sp_signal_stacks_follow(const sp_signal_stacks_listener *listener);

/* sigaltstack, as the program calls it; `call` is the original. */
typedef int sp_sigaltstack(const void *new_stack, void *old_stack);
int sp_signal_stacks_set(const void *new_stack, void *old_stack, sp_sigaltstack *call);

/* Asks the kernel about the calling thread, whose stack may be older than our hook. In a forked child it forgets all
 * other threads first. */
void sp_signal_stacks_look(bool is_new_process);

/* Whether a tick does not fit. */
bool sp_signal_stacks_is_small(uint32_t thread_id);

/* The same of a thread's own stack, where glibc made it or it ends at a guard page. False for the program's first
 * thread and wherever it cannot be told. */
bool sp_signal_stacks_is_thread_small(uint32_t thread_id);

#endif
