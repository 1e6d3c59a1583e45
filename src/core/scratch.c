#include "scratch.h"

#include "memory.h"

#include <stdatomic.h>
#include <stdbool.h>

static struct {
    _Atomic bool taken;
    sp_scratch *scratch; /* belongs to the thread that has taken it */
} pool[SP_SCRATCH_COUNT];

static sp_scratch *map_scratch(size_t place) {
    sp_scratch *scratch = sp_memory_map(sizeof *scratch);
    if (scratch) scratch->place = place;
    return scratch;
}

static bool claim(size_t place) {
    if (atomic_load_explicit(&pool[place].taken, memory_order_relaxed)) return false;
    return !atomic_exchange_explicit(&pool[place].taken, true, memory_order_acquire);
}

static void release(size_t place) {
    atomic_store_explicit(&pool[place].taken, false, memory_order_release);
}

static sp_scratch *take_place(size_t place) {
    if (!pool[place].scratch) pool[place].scratch = map_scratch(place);
    if (!pool[place].scratch) release(place);
    return pool[place].scratch;
}

/* Take the first free one: a thread that runs alone always gets the same one, which is still in its caches. */
sp_scratch *sp_scratch_take(void) {
    for (size_t place = 0; place < SP_SCRATCH_COUNT; place++)
        if (claim(place)) return take_place(place);
    return map_scratch(SP_SCRATCH_COUNT);
}

void sp_scratch_give(sp_scratch *scratch) {
    if (scratch->place == SP_SCRATCH_COUNT)
        sp_memory_unmap(scratch, sizeof *scratch);
    else
        release(scratch->place);
}

void sp_scratch_reset_after_fork(void) {
    for (size_t place = 0; place < SP_SCRATCH_COUNT; place++) release(place);
}
