#include "held_ranks.h"

#include <pthread.h>
#include <string.h>

/* Not a thread-local variable (this_thread.h). The words behind keys are part of each thread: nothing is allocated. */
static pthread_key_t key;

__attribute__((constructor(101))) static void create_key(void) {
    pthread_key_create(&key, NULL);
}

sp_held_ranks sp_held_ranks_get(void) {
    sp_held_ranks held;
    void *word = pthread_getspecific(key);
    memcpy(&held, &word, sizeof held);
    return held;
}

void sp_held_ranks_set(sp_held_ranks ranks) {
    void *word;
    memcpy(&word, &ranks, sizeof word);
    pthread_setspecific(key, word);
}
