#include "fork.h"

#include <pthread.h>

void sp_fork_call(void (*before)(void), void (*in_parent)(void), void (*in_child)(void)) {
    pthread_atfork(before, in_parent, in_child);
}
