/* tick.h: timers whose signals go to one thread, or to whichever thread of the process is running.
 *
 *   timer ── expires ──► signal, with the timer's cookie ──► handler(cookie, what was interrupted)
 *
 * The signal is a real-time one that had no handler, so the program loses neither a handler nor a signal that it uses.
 * Once installed, the handler stays installed, so that it also receives late signals. A signal with that number that we
 * did not send does what it would have done without us: it ends the process.
 *
 * macOS has neither real-time signals nor timers for threads: there, the signal is SIGIO or SIGURG, which do nothing by
 * default, and all ticks are sent by sp_tick_send.
 *
 * Memory:  none. Timers belong to the kernel; neither a forked child nor a program started by exec has them.
 * Threads: any. Signals: all functions are safe except sp_tick_install and, on macOS, those that send. While the
 *          handler runs, all signals are blocked except those of faults. It runs on the thread's alternate stack if
 *          there is one.
 * Full:    false if the kernel grants no timer.
 */
#ifndef SP_TICK_H
#define SP_TICK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sp_interrupted {
    const void *context; /* the kernel's ucontext_t, for sp_tick_registers */
    uintptr_t sp;        /* the interrupted code's stack pointer */
    size_t stack_room;   /* bytes left for the handler on an alternate stack; SIZE_MAX: it is not running on one */
} sp_interrupted;

typedef void sp_tick_handler(uint64_t cookie, const sp_interrupted *interrupted);

/* Choose the signal, on the first call, and install `handler`, even if the program has since replaced it with its
 * own. errno is saved around the handler. Return false if no signal is left. */
bool sp_tick_install(sp_tick_handler *handler);

/* Return whether our handler still gets the signal. */
bool sp_tick_is_installed(void);

/* Return the signal's number; 0 if it has not been chosen yet. */
int sp_tick_signal(void);

/* Return how large an alternate stack must be for a tick on it to end without harm, though perhaps without a sample.
 * This is the kernel's frame plus what the handler uses before it checks stack_room. The frame is measured when the
 * handler is installed; before that, it is taken to be the largest possible. */
size_t sp_tick_stack_bytes(void);

/* Return the stack pointer in one of the kernel's contexts. */
uintptr_t sp_tick_stack_pointer(const void *context);

/* Get the interrupted registers, the same ones and in the same order as in registers.h. */
void sp_tick_registers(const sp_interrupted *interrupted, uintptr_t *values);

/* Like sp_tick_registers(), but on x86-64, where compilers keep pointers in vectors, also get the vector registers.
 * The words are in no particular order. Return how many there are. */
#define SP_TICK_WORDS_MAX 49
size_t sp_tick_words(const sp_interrupted *interrupted, uintptr_t *words);

/* Return whether the signal found the thread asleep in a system call, which then ends or restarts. This is nearly
 * always correct: only a thread that was just about to sleep is wrongly treated as asleep. */
bool sp_tick_has_woken(const sp_interrupted *interrupted);

typedef enum sp_tick_clock { SP_TICK_CPU, SP_TICK_WALL } sp_tick_clock;

#define SP_TICK_NONE (-1)

/* Create a timer for a thread of this process, on its CPU clock or on the monotonic one. Return SP_TICK_NONE if none
 * is available. */
int sp_tick_create(uint32_t thread_id, sp_tick_clock clock, uint64_t cookie);
/* Create a timer for the process, on the CPU time of all its threads or on the monotonic clock. The kernel chooses
 * the thread that gets the signals: from Linux 6.4 on the running one, before that usually the first. If `thread_id`
 * is given, that thread gets them. */
int sp_tick_create_for_process(sp_tick_clock clock, uint32_t thread_id, uint64_t cookie);
/* Return whether this kernel chooses the running thread. */
bool sp_tick_comes_to_running_thread(void);
/* Set when the timer first expires and at what interval it then repeats. Return false if the kernel refuses. */
bool sp_tick_arm(int timer, uint64_t first_ns, uint64_t interval_ns);
/* Delete a timer. If the kernel does not delete it, it is disarmed. */
void sp_tick_delete(int timer);

/* Send the same signal without a timer. Return false if the thread has ended, or the kernel does not queue any more
 * signals. */
bool sp_tick_send(uint32_t thread_id, uint64_t cookie);

/* Return whether the kernel will never deliver such a signal to the thread: macOS refuses it to the threads of dispatch
 * queues. Not in a handler. */
bool sp_tick_is_refused(uint32_t thread_id);

#endif
