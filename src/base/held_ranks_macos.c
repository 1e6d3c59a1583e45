#include "held_ranks.h"

#include <pthread.h>
#include <string.h>

/* Not a thread-local variable (this_thread.h). The words behind keys are part of each thread: nothing is allocated. */
static pthread_key_t key;

__attribute__((constructor(101))) static void create_key(void) {
    pthread_key_create(&key, NULL);
}

/* Without a key, leave the system's own words alone, which have low ones; the first release then stops the program. */
sp_held_ranks sp_held_ranks_get(void) {
    sp_held_ranks held;
    void *word = key ? pthread_getspecific(key) : NULL;
    memcpy(&held, &word, sizeof held);
    return held;
}

void sp_held_ranks_set(sp_held_ranks ranks) {
    void *word;
    memcpy(&word, &ranks, sizeof word);
    if (key) pthread_setspecific(key, word);
}
