#include "held_ranks.h"

static __thread sp_held_ranks held;

sp_held_ranks sp_held_ranks_get(void) {
    return held;
}

void sp_held_ranks_set(sp_held_ranks ranks) {
    held = ranks;
}
