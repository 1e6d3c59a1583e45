/* asker.c: a non-Python thread that requests the stacks of all threads when the program is stuck, and then ends the
 * program.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The same as in src/python/serve/buffer.h. */
typedef struct text {
    char *data;
    size_t length, capacity;
    bool is_short;
} text;

static void (*put)(text *to);
static const char *awaited;
static int signs[2];

static void write_all(const text *answer) {
    for (size_t done = 0; done < answer->length;) {
        ssize_t written = write(1, answer->data + done, answer->length - done);
        if (written <= 0) _exit(3);
        done += (size_t)written;
    }
}

static bool has_awaited(const text *answer) {
    return memmem(answer->data, answer->length, awaited, strlen(awaited)) != NULL;
}

static void *ask(void *unused) {
    char sign;
    (void)unused;
    if (read(signs[0], &sign, 1) != 1) _exit(2);
    for (int tries = 0; tries < 10000; tries++) {
        text answer = {0};
        put(&answer);
        bool is_last = has_awaited(&answer) || tries == 9999; /* an answer that comes too early is discarded */
        if (is_last) write_all(&answer);
        munmap(answer.data, answer.capacity);
        if (is_last) break;
    }
    _exit(0);
}

/* After a signal, calls `function` until its answer contains `text_to_find`, then ends the program. */
void begin_asker(void *function, const char *text_to_find) {
    pthread_t thread;
    put = (void (*)(text *))function;
    awaited = strdup(text_to_find);
    if (pipe(signs) != 0 || pthread_create(&thread, NULL, ask, NULL) != 0) _exit(4);
}

void give_sign(void) {
    if (write(signs[1], "", 1) != 1) _exit(5);
}

/* Called with the GIL held. Keeps the GIL. */
void get_stuck(void) {
    give_sign();
    for (;;) pause();
}

static void *wait_forever(void *unused) {
    (void)unused;
    for (;;) pause();
}

/* Starts a thread whose stack has no room for a signal. */
void begin_small_thread(void) {
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, (size_t)sysconf(_SC_THREAD_STACK_MIN));
    if (pthread_create(&thread, &attributes, wait_forever, NULL) != 0) _exit(6);
}
