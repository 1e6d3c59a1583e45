#include "tick_posts.h"

#include "memory.h"

static uint32_t slots_for(uint64_t threads) {
    uint32_t capacity = 64;
    while (capacity < 2 * threads && capacity < UINT32_C(1) << 24) capacity *= 2;
    return capacity;
}

bool sp_tick_posts_create(sp_tick_posts *posts, uint64_t threads) {
    if (posts->slots) return true;
    posts->capacity = slots_for(threads);
    posts->slots = sp_memory_map(posts->capacity * sizeof *posts->slots);
    return posts->slots != NULL;
}

/* ---- Slots ---- */

/* The system numbers threads in order, so neighbours have different places, and their slots share pages. */
static sp_tick_slot *slot_at(const sp_tick_posts *posts, uint32_t thread_id, uint32_t step) {
    return &posts->slots[(thread_id + step) & (posts->capacity - 1)];
}

sp_tick_slot *sp_tick_posts_find(const sp_tick_posts *posts, uint32_t thread_id) {
    if (!posts->slots || thread_id == 0 || thread_id == SP_TICK_REMOVED) return NULL;
    for (uint32_t step = 0; step < posts->capacity; step++) {
        sp_tick_slot *slot = slot_at(posts, thread_id, step);
        uint32_t owner = atomic_load_explicit(&slot->thread_id, memory_order_acquire);
        if (owner == thread_id) return slot;
        if (owner == 0) return NULL;
    }
    return NULL;
}

/* Return the first slot on the thread's way that has no thread; NULL if there is none. */
static sp_tick_slot *find_room(const sp_tick_posts *posts, uint32_t thread_id) {
    for (uint32_t step = 0; step < posts->capacity; step++) {
        sp_tick_slot *slot = slot_at(posts, thread_id, step);
        uint32_t owner = atomic_load_explicit(&slot->thread_id, memory_order_relaxed);
        if (owner == 0 || owner == SP_TICK_REMOVED) return slot;
    }
    return NULL;
}

sp_tick_slot *sp_tick_posts_add(sp_tick_posts *posts, uint32_t thread_id) {
    if (!posts->slots || thread_id == 0 || thread_id == SP_TICK_REMOVED) return NULL;
    sp_tick_slot *slot = sp_tick_posts_find(posts, thread_id);
    if (slot) return slot;
    slot = find_room(posts, thread_id);
    if (!slot) return NULL;
    posts->count++;
    atomic_store_explicit(&slot->thread_id, thread_id, memory_order_release);
    return slot;
}

/* A search ends at a slot that was never used. So if the next slot is one, no search has to pass this slot, nor the
 * removed slots before it. */
static void let_searches_end(sp_tick_posts *posts, uint32_t at) {
    uint32_t last = posts->capacity - 1;
    if (atomic_load(&posts->slots[(at + 1) & last].thread_id) != 0) return;
    for (; atomic_load(&posts->slots[at].thread_id) == SP_TICK_REMOVED; at = (at - 1) & last)
        atomic_store_explicit(&posts->slots[at].thread_id, 0, memory_order_release);
}

void sp_tick_posts_remove(sp_tick_posts *posts, sp_tick_slot *slot) {
    slot->port = slot->seen = slot->latest = 0;
    for (unsigned lane = 0; lane < SP_TICK_LANES; lane++) atomic_store(&slot->cookies[lane], 0);
    atomic_store_explicit(&slot->thread_id, SP_TICK_REMOVED, memory_order_release);
    posts->count--;
    let_searches_end(posts, (uint32_t)(slot - posts->slots));
}

void sp_tick_posts_empty(sp_tick_posts *posts) {
    if (posts->slots) sp_memory_empty(posts->slots, posts->capacity * sizeof *posts->slots);
    posts->count = 0;
}

/* ---- Cookies ---- */

static bool is_same_session(uint64_t one, uint64_t other) {
    return one >> 32 == other >> 32;
}

static unsigned choose_lane(const sp_tick_slot *slot, uint64_t cookie) {
    for (unsigned lane = 0; lane < SP_TICK_LANES; lane++) {
        uint64_t held = atomic_load(&slot->cookies[lane]);
        if (held != 0 && is_same_session(held, cookie)) return lane;
    }
    for (unsigned lane = 0; lane < SP_TICK_LANES; lane++)
        if (atomic_load(&slot->cookies[lane]) == 0) return lane;
    return 1 - slot->latest;
}

/* The thread may empty a lane in the meantime, which does no harm: any lane is then a good one. */
void sp_tick_slot_post(sp_tick_slot *slot, uint64_t cookie) {
    if (cookie == 0) return;
    slot->latest = choose_lane(slot, cookie);
    atomic_store(&slot->cookies[slot->latest], cookie);
}

void sp_tick_slot_withdraw(sp_tick_slot *slot, uint64_t cookie) {
    for (unsigned lane = 0; lane < SP_TICK_LANES; lane++) {
        uint64_t held = cookie;
        atomic_compare_exchange_strong(&slot->cookies[lane], &held, 0);
    }
}

uint64_t sp_tick_slot_take(sp_tick_slot *slot, unsigned lane) {
    return atomic_exchange(&slot->cookies[lane], 0);
}
