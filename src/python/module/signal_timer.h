/* signal_timer.h: a timer that repeats a signal every 20 ms, for signal_repeat.c.
 *
 *   Linux: a timer of the process that sends the signal to the main thread.
 *   macOS: has no such timer. The interval timer sends SIGALRM, whose handler calls `on_signal` in its place; this
 *          interrupts a wait, too. If the program uses that timer or SIGALRM, or blocks it, nothing is repeated.
 *          SIGALRM has its default action again once the timer has ended.
 *
 * Threads: one timer. Signals: all of these are async-signal-safe. May change errno.
 * Fork:    a child has no timer.
 */
#ifndef SP_SIGNAL_TIMER_H
#define SP_SIGNAL_TIMER_H

#define SP_SIGNAL_TIMER_NS 20000000

/* Begin to repeat the signal. `on_signal` is its handler. If there is no timer, do nothing. */
void sp_signal_timer_begin(int number, void (*on_signal)(int number));
void sp_signal_timer_end(void);

/* Send the signal to the calling thread, which receives it when its handler returns. On macOS another thread of the
 * process may receive it, at once. */
void sp_signal_send_here(int number);

#endif
