#include "threads.h"

#include "clock.h"
#include "cpu.h"
#include "entropy.h"
#include "memory.h"
#include "options.h"
#include "signal_stacks.h"
#include "tasks.h"
#include "thread.h"
#include "tick.h"

#include <string.h>

#define BUCKETS 4096

static struct {
    sp_threads_plan plan;
    sp_thread_slot *slots;
    uint32_t *live;
    uint32_t capacity, used, live_count, unfit_count;
    uint32_t spent;  /* first of the ended slots without samples, + 1 */
    uint32_t oldest; /* where to look next for an ended slot with samples */
    uint32_t listing;
    _Atomic uint32_t met;
    uint64_t random;
    uint32_t buckets[BUCKETS]; /* number of the first slot + 1, 0 = empty */
    atomic_flag entered;
} table = {.entered = ATOMIC_FLAG_INIT};

/* ---- Entering ---- */

bool sp_threads_try(void) {
    return !atomic_flag_test_and_set_explicit(&table.entered, memory_order_acquire);
}

void sp_threads_wait(void) {
    while (!sp_threads_try()) sp_thread_pause();
}

void sp_threads_leave(void) {
    atomic_flag_clear_explicit(&table.entered, memory_order_release);
}

static bool map_table(void) {
    uint32_t capacity =
        sp_options.cpu_threads_max < UINT32_MAX / 2 ? (uint32_t)sp_options.cpu_threads_max : UINT32_MAX / 2;
    if (table.slots) return true;
    sp_thread_slot *slots = sp_memory_map(capacity * sizeof *slots);
    table.live = slots ? sp_memory_map(capacity * sizeof *table.live) : NULL;
    if (slots && !table.live) sp_memory_unmap(slots, capacity * sizeof *slots);
    if (!table.live) return false;
    table.slots = slots;
    table.capacity = capacity;
    return true;
}

bool sp_threads_begin(const sp_threads_plan *plan) {
    atomic_flag_test_and_set(&table.entered);
    if (!map_table()) return false;
    if (table.used > 0) sp_memory_empty(table.slots, table.used * sizeof *table.slots);
    table.plan = *plan;
    table.used = table.live_count = table.unfit_count = table.spent = table.oldest = 0;
    atomic_store(&table.met, 0);
    table.random = sp_entropy_word() | 1;
    for (uint32_t i = 0; i < BUCKETS; i++) table.buckets[i] = 0;
    return true;
}

/* ---- Buckets ---- */

static uint32_t *bucket_of(uint32_t thread_id) {
    return &table.buckets[thread_id % BUCKETS];
}

static sp_thread_slot *find(uint32_t thread_id) {
    for (uint32_t at = *bucket_of(thread_id); at != 0; at = table.slots[at - 1].next)
        if (atomic_load_explicit(&table.slots[at - 1].thread_id, memory_order_relaxed) == thread_id)
            return &table.slots[at - 1];
    return NULL;
}

static uint32_t number_of(const sp_thread_slot *slot) {
    return (uint32_t)(slot - table.slots);
}

static void put_in_bucket(sp_thread_slot *slot, uint32_t thread_id) {
    slot->next = *bucket_of(thread_id);
    *bucket_of(thread_id) = number_of(slot) + 1;
}

static void take_from_bucket(sp_thread_slot *slot) {
    uint32_t *link = bucket_of(atomic_load_explicit(&slot->thread_id, memory_order_relaxed));
    while (*link != number_of(slot) + 1) link = &table.slots[*link - 1].next;
    *link = slot->next;
}

/* ---- Slots ---- */

static sp_thread_slot *take_spent(void) {
    sp_thread_slot *slot = &table.slots[table.spent - 1];
    table.spent = slot->next;
    return slot;
}

/* Forget the thread that ended longest ago. Its samples stay, but without its name. */
static sp_thread_slot *take_oldest(void) {
    for (uint32_t tried = 0; tried < table.capacity; tried++) {
        sp_thread_slot *slot = &table.slots[table.oldest];
        table.oldest = (table.oldest + 1) % table.capacity;
        if (atomic_load_explicit(&slot->ended, memory_order_relaxed)) return slot;
    }
    return NULL;
}

static sp_thread_slot *take_slot(void) {
    if (table.spent != 0) return take_spent();
    return table.used < table.capacity ? &table.slots[table.used++] : take_oldest();
}

static void give_up(sp_thread_slot *slot) {
    atomic_store_explicit(&slot->ended, true, memory_order_relaxed);
    if (atomic_load_explicit(&slot->samples, memory_order_relaxed) > 0) return;
    slot->next = table.spent;
    table.spent = number_of(slot) + 1;
}

uint64_t sp_threads_cookie(uint32_t session, uint32_t number) {
    return (uint64_t)session << 32 | (number + 1);
}

/* ---- Timers ---- */

/* Return a random time within the first interval, so that work that a program does at a fixed time after starting a
 * thread is sampled as often as everything else. */
static uint64_t first_tick_ns(void) {
    table.random ^= table.random << 13;
    table.random ^= table.random >> 7;
    table.random ^= table.random << 17;
    return 1 + table.random % table.plan.interval_ns;
}

static bool give_timer(sp_thread_slot *slot, uint32_t thread_id) {
    uint64_t cookie = sp_threads_cookie(table.plan.session, number_of(slot));
    slot->timer = SP_TICK_NONE;
    if (!table.plan.has_timers || slot->unfit || slot->young) return true;
    slot->timer = sp_tick_create(thread_id, table.plan.wall ? SP_TICK_WALL : SP_TICK_CPU, cookie);
    if (slot->timer == SP_TICK_NONE) return false;
    if (sp_tick_arm(slot->timer, first_tick_ns(), table.plan.interval_ns)) return true;
    sp_tick_delete(slot->timer);
    slot->timer = SP_TICK_NONE;
    return false;
}

static void take_timer(sp_thread_slot *slot) {
    if (slot->timer != SP_TICK_NONE) sp_tick_delete(slot->timer);
    slot->timer = SP_TICK_NONE;
}

/* ---- Threads that a tick would crash, or does not reach ---- */

static bool is_unfit(uint32_t thread_id) {
    if (sp_signal_stacks_is_small(thread_id))
        sp_cpu_count_drop(SPPROF_CPU_DROP_SMALL_SIGNAL_STACK);
    else if (sp_signal_stacks_is_thread_small(thread_id))
        sp_cpu_count_drop(SPPROF_CPU_DROP_SMALL_STACK);
    else if (sp_tick_is_refused(thread_id))
        sp_cpu_count_drop(SPPROF_CPU_DROP_TIMER_REFUSED);
    else
        return false;
    return true;
}

/* Set whether the thread of a live slot is exempt from ticks. */
static void set_unfit(sp_thread_slot *slot, bool unfit) {
    if (slot->unfit != unfit) table.unfit_count += unfit ? 1 : (uint32_t)-1;
    slot->unfit = unfit;
}

bool sp_threads_any_unfit(void) {
    return table.unfit_count > 0;
}

uint32_t sp_threads_fit_one(void) {
    uint32_t found = 0, first = sp_process_id();
    for (uint32_t place = 0; place < table.live_count && found != first; place++) {
        const sp_thread_slot *slot = &table.slots[table.live[place]];
        uint32_t thread_id = atomic_load_explicit(&slot->thread_id, memory_order_relaxed);
        if (!slot->unfit && (found == 0 || thread_id == first)) found = thread_id;
    }
    return found;
}

/* ---- Threads ---- */

static void make_live(sp_thread_slot *slot, uint32_t thread_id) {
    put_in_bucket(slot, thread_id);
    slot->place = table.live_count;
    slot->seen = table.listing;
    table.live[table.live_count++] = number_of(slot);
}

static void fill_in(sp_thread_slot *slot, uint32_t thread_id, uint64_t covered_ns) {
    atomic_store_explicit(&slot->samples, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->covered_ns, covered_ns, memory_order_relaxed);
    atomic_store_explicit(&slot->pending, false, memory_order_relaxed);
    atomic_store_explicit(&slot->ended, false, memory_order_relaxed);
    slot->unfit = slot->young = false;
    atomic_store_explicit(&slot->thread_id, thread_id, memory_order_release);
    sp_task_name(thread_id, slot->name);
}

/* A thread that has ended since it was listed needs no timer. */
static void count_refusal(uint32_t thread_id) {
    uint64_t unused;
    if (sp_clock_cpu_ns_of(thread_id, &unused)) sp_cpu_count_drop(SPPROF_CPU_DROP_TIMER_REFUSED);
}

bool sp_threads_add(uint32_t thread_id, uint64_t covered_ns, bool young) {
    sp_thread_slot *slot = take_slot();
    if (!slot) {
        sp_cpu_count_drop(SPPROF_CPU_DROP_THREADS_FULL);
        return false;
    }
    fill_in(slot, thread_id, covered_ns);
    bool unfit = is_unfit(thread_id);
    slot->unfit = unfit;
    slot->young = young;
    if (!give_timer(slot, thread_id)) {
        give_up(slot);
        count_refusal(thread_id);
        return false;
    }
    make_live(slot, thread_id);
    table.unfit_count += unfit;
    atomic_fetch_add_explicit(&table.met, 1, memory_order_relaxed);
    return true;
}

static void end(sp_thread_slot *slot) {
    set_unfit(slot, false);
    take_timer(slot);
    take_from_bucket(slot);
    uint32_t last = table.live[--table.live_count];
    table.live[slot->place] = last;
    table.slots[last].place = slot->place;
    give_up(slot);
}

static void replace_timer(sp_thread_slot *slot, uint32_t thread_id) {
    take_timer(slot);
    if (give_timer(slot, thread_id)) return;
    end(slot);
    sp_cpu_count_drop(SPPROF_CPU_DROP_TIMER_REFUSED);
}

/* The slot belongs to a previous thread with the same id, or to this thread, which has not had a tick yet. In both
 * cases it needs a new timer. */
static void renew(sp_thread_slot *slot, uint32_t thread_id, uint64_t now_ns) {
    if (atomic_load(&slot->covered_ns) > now_ns) atomic_store(&slot->covered_ns, now_ns);
    replace_timer(slot, thread_id);
}

void sp_threads_grow_up(sp_thread_slot *slot) {
    slot->young = false;
    replace_timer(slot, atomic_load_explicit(&slot->thread_id, memory_order_relaxed));
}

sp_thread_slot *sp_threads_self(void) {
    return find(sp_thread_kernel_id());
}

static uint64_t clock_of_self(void) {
    return table.plan.wall ? sp_clock_monotonic_ns() : sp_clock_thread_cpu_ns();
}

void sp_threads_add_self(uint64_t covered_ns, bool young) {
    spprof_thread *self = &spprof_this_thread;
    sp_thread_slot *known = sp_threads_self();
    self->cpu_session = table.plan.session;
    if (!known) {
        sp_threads_add(sp_thread_kernel_id(), covered_ns, young);
        return;
    }
    /* The thread may have been listed before its stack was known to be too small. */
    if (!known->unfit && is_unfit(sp_thread_kernel_id())) set_unfit(known, true);
    uint64_t now_ns = clock_of_self();
    if (known->young || atomic_load(&known->covered_ns) > now_ns) { /* listed, or a previous thread's slot */
        atomic_store(&known->covered_ns, covered_ns);
        known->young = young;
    }
    renew(known, sp_thread_kernel_id(), now_ns);
}

void sp_threads_leave_out_self(uint64_t covered_ns, spprof_cpu_drop_reason reason) {
    uint32_t thread_id = sp_thread_kernel_id();
    sp_thread_slot *known = find(thread_id);
    if (!known) {
        sp_threads_add(thread_id, covered_ns, false);
        return;
    }
    if (!known->unfit) sp_cpu_count_drop(reason);
    take_timer(known);
    set_unfit(known, true);
}

void sp_threads_take_in_self(uint64_t covered_ns) {
    sp_thread_slot *known = find(sp_thread_kernel_id());
    if (!known || is_unfit(sp_thread_kernel_id())) return;
    set_unfit(known, false);
    renew(known, sp_thread_kernel_id(), covered_ns);
}

/* ---- Listing ---- */

typedef struct listing {
    uint64_t start_process_ns;
    bool changed;
} listing;

uint64_t sp_threads_clock_at_start(uint64_t own_ns, uint64_t start_process_ns) {
    uint64_t born = sp_clock_process_cpu_ns() - start_process_ns;
    return own_ns > born ? own_ns - born : 0;
}

/* The CPU time that a thread uses after its own last sample is lost. On average this is half an interval, which is
 * 2.5 % of this many intervals. */
#define YOUNG_INTERVALS 20
#define SHORTEST_INTERVAL_NS 5000000 /* shorter intervals are lengthened by the kernel's tick */

uint64_t sp_threads_grown_up_ns(void) {
    uint64_t interval_ns = table.plan.interval_ns;
    if (!atomic_load_explicit(&sp_the_cpu.estimates, memory_order_relaxed)) return 0;
    return YOUNG_INTERVALS * (interval_ns > SHORTEST_INTERVAL_NS ? interval_ns : SHORTEST_INTERVAL_NS);
}

static void see(sp_thread_slot *slot, uint32_t thread_id) {
    uint64_t now_ns;
    slot->seen = table.listing;
    if (!slot->young || !sp_clock_cpu_ns_of(thread_id, &now_ns) || now_ns < sp_threads_grown_up_ns()) return;
    sp_threads_grow_up(slot);
}

static void meet_new(uint32_t thread_id, listing *at) {
    uint64_t now_ns = 0, covered_ns;
    sp_clock_cpu_ns_of(thread_id, &now_ns);
    if (table.plan.wall)
        covered_ns = sp_clock_monotonic_ns();
    else if (at->start_process_ns == UINT64_MAX)
        covered_ns = now_ns;
    else
        covered_ns = sp_threads_clock_at_start(now_ns, at->start_process_ns);
    bool young = at->start_process_ns != UINT64_MAX && now_ns < sp_threads_grown_up_ns();
    sp_threads_add(thread_id, covered_ns, young);
    at->changed = true;
}

static void meet(uint32_t thread_id, void *data) {
    sp_thread_slot *known = find(thread_id);
    if (known)
        see(known, thread_id);
    else
        meet_new(thread_id, data);
}

static bool end_unseen(void) {
    bool any = false;
    for (uint32_t place = table.live_count; place-- > 0;) {
        sp_thread_slot *slot = &table.slots[table.live[place]];
        if (slot->seen == table.listing) continue;
        end(slot);
        any = true;
    }
    return any;
}

bool sp_threads_list(uint64_t start_process_ns) {
    listing at = {.start_process_ns = start_process_ns};
    table.listing++;
    if (sp_tasks_each(meet, &at)) at.changed |= end_unseen();
    return at.changed;
}

/* ---- Samples ---- */

uint64_t sp_threads_cover(sp_thread_slot *slot, uint64_t now_ns) {
    uint64_t before = atomic_exchange_explicit(&slot->covered_ns, now_ns, memory_order_relaxed);
    return now_ns > before ? now_ns - before : 0;
}

void sp_threads_cover_more(sp_thread_slot *slot, uint64_t weight_ns) {
    atomic_fetch_add_explicit(&slot->covered_ns, weight_ns, memory_order_relaxed);
}

bool sp_threads_is_beyond_estimates(const sp_thread_slot *slot, uint64_t now_ns) {
    return atomic_load_explicit(&slot->covered_ns, memory_order_relaxed) <= now_ns;
}

/* ---- Sums ---- */

uint64_t sp_threads_uncovered_ns(const sp_thread_slot *slot) {
    uint64_t covered = atomic_load(&slot->covered_ns), now = covered;
    if (table.plan.wall)
        now = sp_clock_monotonic_ns();
    else
        sp_clock_cpu_ns_of(atomic_load(&slot->thread_id), &now);
    return now > covered ? now - covered : 0;
}

/* A thread may have been seen before it named itself; a thread that has ended no longer has a name. */
static void take_latest_name(sp_thread_slot *slot) {
    char name[SP_TASK_NAME_SIZE];
    sp_task_name(atomic_load(&slot->thread_id), name);
    if (name[0] != '\0') memcpy(slot->name, name, sizeof slot->name);
}

static void write_down(sp_thread_slot *slot) {
    take_latest_name(slot);
    slot->uncovered_ns = sp_threads_uncovered_ns(slot);
    slot->blocked = sp_task_blocks(atomic_load(&slot->thread_id), sp_tick_signal());
}

void sp_threads_end_all(void) {
    for (uint32_t place = 0; place < table.live_count; place++) {
        write_down(&table.slots[table.live[place]]);
        take_timer(&table.slots[table.live[place]]);
    }
}

/* ---- Reading ---- */

uint32_t sp_threads_live(void) {
    return table.live_count;
}

sp_thread_slot *sp_threads_live_at(uint32_t place) {
    return &table.slots[table.live[place]];
}

sp_thread_slot *sp_threads_slot(uint32_t number) {
    return number < table.capacity ? &table.slots[number] : NULL;
}

uint32_t sp_threads_used(void) {
    return table.used;
}

uint32_t sp_threads_met(void) {
    return atomic_load(&table.met);
}
