/* tick.h: timers whose signals come to one thread, or to whichever of the process runs.
 *
 *   timer ── expires ──► signal, with the timer's cookie ──► handler(cookie, what was interrupted)
 *
 * The signal is a real-time one that nobody had a handler for, so no handler of the program's is displaced and none of
 * its signals taken. Once installed the handler stays for good: a late signal finds it. A signal of that number that is
 * none of ours does what it would have done without us: it ends the process.
 *
 * Memory:  none. Timers are the kernel's; a forked child has none, nor has another program after exec.
 * Threads: any. Signals: all but sp_tick_install is safe. All signals but those of faults are blocked in the
 *          handler, which runs on the thread's alternate stack if it has one.
 * Full:    false, where the kernel grants no timer.
 */
#ifndef SP_TICK_H
#define SP_TICK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sp_interrupted {
    const void *context; /* the kernel's; for sp_tick_registers */
    uintptr_t sp;        /* where the interrupted code's stack stands */
    size_t stack_room;   /* bytes left for the handler on an alternate stack; SIZE_MAX: it runs on none */
} sp_interrupted;

typedef void sp_tick_handler(uint64_t cookie, const sp_interrupted *interrupted);

/* Chooses the signal and installs `handler`, the first time and where the program has put a handler of its own in its
 * place since; errno is saved around it. False: no signal is left. */
bool sp_tick_install(sp_tick_handler *handler);

/* Whether the signal still comes to us. */
bool sp_tick_is_installed(void);

/* The signal's number; 0 before it is chosen. */
int sp_tick_signal(void);

/* How large an alternate stack must be, so that a tick that comes on it ends without harm, though perhaps without a
 * sample: the kernel's frame, measured when the handler was installed and before that the largest possible, and what
 * the handler takes until it looks at stack_room. */
size_t sp_tick_stack_bytes(void);

/* Of a context of the kernel's. */
uintptr_t sp_tick_stack_pointer(const void *context);

/* The interrupted registers, as many and in the order as in registers.h. */
void sp_tick_registers(const sp_interrupted *interrupted, uintptr_t *values);

/* The same and, on x86-64, where compilers keep pointers in vectors, those too, in no order. Returns how many words. */
#define SP_TICK_WORDS_MAX 49
size_t sp_tick_words(const sp_interrupted *interrupted, uintptr_t *words);

/* Whether the signal found the thread asleep in a system call that it ended, or begins again. Nearly always right: a
 * thread that was just about to sleep is taken for one that did. */
bool sp_tick_has_woken(const sp_interrupted *interrupted);

typedef enum sp_tick_clock { SP_TICK_CPU, SP_TICK_WALL } sp_tick_clock;

#define SP_TICK_NONE (-1)

/* A timer for a thread of this process, on its CPU clock or on the monotonic one. SP_TICK_NONE: unavailable. */
int sp_tick_create(uint32_t thread_id, sp_tick_clock clock, uint64_t cookie);
/* One for the process, on the CPU time of all its threads or on the monotonic clock. The kernel chooses the thread:
 * since 6.4 the one that runs, before rather the first; unless `thread_id` names one that is to get the signals. */
int sp_tick_create_for_process(sp_tick_clock clock, uint32_t thread_id, uint64_t cookie);
/* Whether this kernel chooses the one that runs. */
bool sp_tick_comes_to_running_thread(void);
/* False: the kernel will not. */
bool sp_tick_arm(int timer, uint64_t first_ns, uint64_t interval_ns);
/* One that the kernel keeps is disarmed. */
void sp_tick_delete(int timer);

/* The same signal without a timer. False: the thread has ended, or the kernel queues no more. */
bool sp_tick_send(uint32_t thread_id, uint64_t cookie);

#endif
