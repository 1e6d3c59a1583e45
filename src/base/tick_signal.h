/* tick_signal.h: installing the handler of ticks.
 *
 * Memory:  none. Threads: any. Signals: all functions are safe.
 */
#ifndef SP_TICK_SIGNAL_H
#define SP_TICK_SIGNAL_H

#include <signal.h>
#include <stdbool.h>

typedef void sp_signal_handler(int number, siginfo_t *info, void *context);

/* Return whether the program has no handler for the signal and does not ignore it. */
bool sp_tick_signal_is_unused(int number);

/* Install the handler, as tick.h says. Return false if the kernel refuses. */
bool sp_tick_signal_install(int number, sp_signal_handler *handler);

/* Return whether `handler` is the signal's handler. */
bool sp_tick_signal_has(int number, sp_signal_handler *handler);

#endif
