#include "grace.h"

#define BOTH 3

static void send_readers_to_other(sp_grace *grace) {
    atomic_fetch_xor(&grace->phase, 1);
}

sp_grace_seen sp_grace_begin(sp_grace *grace) {
    send_readers_to_other(grace);
    return 0;
}

/* If the phase that receives new readers is the one not yet seen empty, send new readers to the other phase.
 * Otherwise a steady stream of them could keep the counter above 0. */
bool sp_grace_is_over(sp_grace *grace, sp_grace_seen *seen) {
    for (unsigned phase = 0; phase < 2; phase++)
        if (atomic_load(&grace->readers[phase].inside) == 0) *seen |= (sp_grace_seen)(1 << phase);
    uint32_t now = atomic_load_explicit(&grace->phase, memory_order_relaxed);
    if (*seen == 1 << (now ^ 1)) send_readers_to_other(grace);
    return *seen == BOTH;
}

void sp_grace_reset_after_fork(sp_grace *grace) {
    for (unsigned phase = 0; phase < 2; phase++) atomic_store(&grace->readers[phase].inside, 0);
}
