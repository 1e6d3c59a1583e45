/* tick.h: timers whose signals go to one thread, or to whichever thread of the process is running.
 *
 *   timer ── expires ──► signal, with the timer's cookie ──► handler(cookie, what was interrupted)
 *
 * The signal is a real-time one that had no handler, so no handler of the program's is displaced and no signal taken
 * from it. Once installed, the handler stays installed: a late signal finds it. A signal of that number that is not
 * ours does what it would have done without us: it ends the process.
 *
 * Memory:  none. Timers are the kernel's; neither a forked child nor a program started by exec has them.
 * Threads: any. Signals: all but sp_tick_install is safe. All signals but those of faults are blocked in the handler,
 *          which runs on the thread's alternate stack if it has one.
 * Full:    false if the kernel grants no timer.
 */
#ifndef SP_TICK_H
#define SP_TICK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sp_interrupted {
    const void *context; /* the kernel's; for sp_tick_registers */
    uintptr_t sp;        /* the interrupted code's stack pointer */
    size_t stack_room;   /* bytes left for the handler on an alternate stack; SIZE_MAX: it is not on one */
} sp_interrupted;

typedef void sp_tick_handler(uint64_t cookie, const sp_interrupted *interrupted);

/* Choose the signal and install `handler`, the first time and where the program has since replaced it with its own.
 * errno is saved around the handler. Return false if no signal is left. */
bool sp_tick_install(sp_tick_handler *handler);

/* Return whether our handler still gets the signal. */
bool sp_tick_is_installed(void);

/* Return the signal's number; 0 before it is chosen. */
int sp_tick_signal(void);

/* Return how large an alternate stack must be for a tick on it to end without harm, though perhaps without a sample.
 * This is the kernel's frame (measured when the handler was installed, before that the largest possible) plus what
 * the handler uses before it checks stack_room. */
size_t sp_tick_stack_bytes(void);

/* Return the stack pointer in a context of the kernel's. */
uintptr_t sp_tick_stack_pointer(const void *context);

/* Get the interrupted registers, as many and in the same order as in registers.h. */
void sp_tick_registers(const sp_interrupted *interrupted, uintptr_t *values);

/* Like sp_tick_registers() and, on x86-64, where compilers keep pointers in vectors, also those, in no particular
 * order. Return how many words there are. */
#define SP_TICK_WORDS_MAX 49
size_t sp_tick_words(const sp_interrupted *interrupted, uintptr_t *words);

/* Return whether the signal found the thread asleep in a system call, which then ends or restarts. Nearly always
 * right: a thread that was just about to sleep counts as asleep. */
bool sp_tick_has_woken(const sp_interrupted *interrupted);

typedef enum sp_tick_clock { SP_TICK_CPU, SP_TICK_WALL } sp_tick_clock;

#define SP_TICK_NONE (-1)

/* Create a timer for a thread of this process, on its CPU clock or on the monotonic one. SP_TICK_NONE: unavailable. */
int sp_tick_create(uint32_t thread_id, sp_tick_clock clock, uint64_t cookie);
/* Create a timer for the process, on the CPU time of all its threads or on the monotonic clock. The kernel chooses
 * the thread: from Linux 6.4 on the running one, before that usually the first. If `thread_id` is given, that thread
 * gets the signals. */
int sp_tick_create_for_process(sp_tick_clock clock, uint32_t thread_id, uint64_t cookie);
/* Return whether this kernel chooses the running thread. */
bool sp_tick_comes_to_running_thread(void);
/* Return false if the kernel refuses. */
bool sp_tick_arm(int timer, uint64_t first_ns, uint64_t interval_ns);
/* Delete a timer. If the kernel keeps it, it is disarmed. */
void sp_tick_delete(int timer);

/* Send the same signal without a timer. Return false if the thread has ended, or the kernel queues no further
 * signals. */
bool sp_tick_send(uint32_t thread_id, uint64_t cookie);

#endif
