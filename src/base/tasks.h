/* tasks.h: the threads of this process, as the kernel lists them.
 *
 * Memory:  a kilobyte of stack. Threads: any. Signals: safe. errno: left alone.
 * Full:    false, where the list cannot be read (no /proc).
 */
#ifndef SP_TASKS_H
#define SP_TASKS_H

#include <stdbool.h>
#include <stdint.h>

typedef void sp_task_visitor(uint32_t thread_id, void *data);

/* Threads that start or end meanwhile may be listed or not. */
bool sp_tasks_each(sp_task_visitor *visit, void *data);

/* How many there are; 0: it cannot be told. */
uint32_t sp_tasks_count(void);

#define SP_TASK_NAME_SIZE 16

/* The name that the thread has for the kernel, terminated; "" if it has ended. */
void sp_task_name(uint32_t thread_id, char name[SP_TASK_NAME_SIZE]);

#define SP_TASK_PLACE_SIZE 48

/* What a thread does, for the kernel. */
typedef struct sp_task {
    char name[SP_TASK_NAME_SIZE];
    char state;                        /* R, S, D, T, t, Z, X, … as in /proc/…/stat; 0: it has ended */
    char waits_in[SP_TASK_PLACE_SIZE]; /* the kernel's function in which it sleeps; "": it runs, or that is not told */
} sp_task;

void sp_task_look(uint32_t thread_id, sp_task *task);

/* Whether the thread blocks a signal. */
bool sp_task_blocks(uint32_t thread_id, int signal_number);

#endif
