/* tick_posts.h: what ticks mean, where the system's signals carry no value and several of them may arrive as one.
 *
 *   sender:   add(thread) ─► slot ── post(cookie) ──► the signal
 *   handler:  find(own id) ─► slot ── take, take ──► up to two cookies: a session's and a question's
 *
 *   slots:    hashed by thread id; open addressing: [ thread id | port | cookie, cookie ] …
 *
 * A thread keeps its slot until it is removed. A signal that was not ours finds no slot, or no cookie in it.
 *
 * Memory:  one mapping of 32 bytes for each slot, resident where touched.
 * Threads: one sender at a time; a thread takes only from its own slot.
 * Signals: sp_tick_posts_find and sp_tick_slot_take are for handlers.
 * Fork:    sp_tick_posts_empty.
 * Full:    sp_tick_posts_add returns NULL.
 */
#ifndef SP_TICK_POSTS_H
#define SP_TICK_POSTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SP_TICK_LANES 2

typedef struct sp_tick_slot {
    _Atomic uint32_t thread_id;              /* 0: never used; SP_TICK_REMOVED */
    uint32_t port, seen;                     /* for the sender; 0 in a new slot */
    uint32_t latest;                         /* for the sender: the lane of the latest post */
    _Atomic uint64_t cookies[SP_TICK_LANES]; /* 0: none */
} sp_tick_slot;

#define SP_TICK_REMOVED UINT32_MAX

/* All zero at first. */
typedef struct sp_tick_posts {
    sp_tick_slot *slots;
    uint32_t capacity; /* a power of two */
    uint32_t count;    /* slots that have a thread */
} sp_tick_posts;

/* Create a table for this many threads. Return false if there is no memory. May change errno. */
bool sp_tick_posts_create(sp_tick_posts *posts, uint64_t threads);

/* ---- For the sender ---- */

/* Return the thread's slot, a new one if it has none; NULL if there is no room. */
sp_tick_slot *sp_tick_posts_add(sp_tick_posts *posts, uint32_t thread_id);
/* Remove the slot of a thread that has ended. */
void sp_tick_posts_remove(sp_tick_posts *posts, sp_tick_slot *slot);
/* Remove all slots, in a forked child. */
void sp_tick_posts_empty(sp_tick_posts *posts);

/* Leave a cookie for the slot's thread. It replaces a cookie whose upper half is the same, which is one of the same
 * session. If there is none and no lane is empty, it replaces the older cookie. A cookie of 0 means nothing. */
void sp_tick_slot_post(sp_tick_slot *slot, uint64_t cookie);
/* Take back a cookie, if it is still there. */
void sp_tick_slot_withdraw(sp_tick_slot *slot, uint64_t cookie);

/* ---- For any thread ---- */

/* Return the thread's slot; NULL if it has none. */
sp_tick_slot *sp_tick_posts_find(const sp_tick_posts *posts, uint32_t thread_id);

/* Take what is in one of the SP_TICK_LANES lanes; 0: nothing. */
uint64_t sp_tick_slot_take(sp_tick_slot *slot, unsigned lane);

#endif
