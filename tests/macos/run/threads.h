/* threads.h: threads as the stand-ins know them. */
#ifndef THREADS_H
#define THREADS_H

#include <stdbool.h>
#include <stdint.h>

/* The port of a thread; it has the thread's id in it. */
static inline uint32_t port_of_thread(int thread_id) {
    return (uint32_t)thread_id << 8 | 3;
}

static inline int thread_of_port(uint32_t port) {
    return (port & 0xFF) == 3 ? (int)(port >> 8) : 0;
}

bool thread_exists(int thread_id);

/* How many rights to ports of threads the program holds. */
int64_t threads_port_rights(void);

/* Called first on each thread. */
void threads_note_stack(void);

#endif
