/* tasks.h: the threads of this process, as the kernel lists them.
 *
 * Memory:  a kilobyte of stack. Threads: any. Signals: safe. errno: preserved.
 * Full:    false if the list cannot be read (no /proc).
 */
#ifndef SP_TASKS_H
#define SP_TASKS_H

#include <stdbool.h>
#include <stdint.h>

typedef void sp_task_visitor(uint32_t thread_id, void *data);

/* Visit all threads. Threads that start or end in the meantime may or may not be listed. */
bool sp_tasks_each(sp_task_visitor *visit, void *data);

/* Return how many threads there are; 0 if this is unknown. */
uint32_t sp_tasks_count(void);

#define SP_TASK_NAME_SIZE 16

/* Write the kernel's name of the thread, terminated; "" if the thread has ended. */
void sp_task_name(uint32_t thread_id, char name[SP_TASK_NAME_SIZE]);

#define SP_TASK_PLACE_SIZE 48

/* What a thread is doing, as the kernel reports it. */
typedef struct sp_task {
    char name[SP_TASK_NAME_SIZE];
    char state;                        /* R, S, D, T, t, Z, X, … as in /proc/…/stat; 0: it has ended */
    char waits_in[SP_TASK_PLACE_SIZE]; /* the kernel function it is sleeping in; "" if it is running or this is not
                                        * reported */
} sp_task;

void sp_task_look(uint32_t thread_id, sp_task *task);

/* Return whether the thread blocks a signal. */
bool sp_task_blocks(uint32_t thread_id, int signal_number);

#endif
