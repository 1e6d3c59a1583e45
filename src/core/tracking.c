/* tracking.c: follows one allocation or free from the hook's call to the tables. */
#include "budget.h"
#include "capture.h"
#include "clock.h"
#include "pool.h"
#include "profiler.h"
#include "thinning.h"
#include "thread.h"

#include <errno.h>

void spprof_pause(void) {
    sp_guard_enter(&spprof_this_thread);
}

/* Allocations made while paused may have exhausted the countdown. Redrawing it is unbiased: the exponential is
 * memoryless. */
void spprof_resume(void) {
    sp_guard_leave(&spprof_this_thread);
}

/* ---- The first use ---- */

void sp_profiler_use(void) {
    atomic_store(&sp_the_profiler.used, true);
    sp_waker *waker = atomic_load(&sp_the_profiler.waker);
    if (waker) waker();
}

void sp_profiler_call_when_used(sp_waker *waker) {
    atomic_store(&sp_the_profiler.waker, waker);
    if (atomic_load(&sp_the_profiler.used)) waker();
}

/* ---- Frees ---- */

static void forget_guarded(uintptr_t address) {
    spprof_sample removed;
    if (sp_live_table_remove(&sp_the_profiler.live, address, &removed)) sp_counters_add_freed(&removed);
}

/* An address that has left the list may be sampled again by a thread that finds the list empty. The serial of that
 * sample is later than any assigned before. */
static void drain_pending_guarded(void) {
    spprof_sample removed;
    for (;;) {
        uint64_t last_serial = atomic_load(&sp_the_profiler.counters.last_serial);
        uintptr_t address = sp_pending_pop(&sp_the_profiler.pending);
        if (address == 0) return;
        if (sp_live_table_remove_until(&sp_the_profiler.live, address, last_serial, &removed))
            sp_counters_add_freed(&removed);
    }
}

static void leave_pending(uintptr_t address) {
    if (!sp_pending_push(&sp_the_profiler.pending, address)) spprof_count_drop(SPPROF_DROP_PENDING_FREES_FULL);
}

/* Check again the frees that spprof_may_be_live let through: about six in a hundred if there are many live samples.
 * Return false while the empty filter is published: before the first start there is no table to lock, and after
 * shutdown no frees are followed. */
static bool is_listed(const void *address) {
    const spprof_filter *filter = __atomic_load_n(&spprof_the_gate.filter, __ATOMIC_ACQUIRE);
    return sp_filter_holds(filter, (uintptr_t)address);
}

void spprof_forget(void *address) {
    spprof_thread *self = &spprof_this_thread;
    bool listed = is_listed(address);
    if (self->guard) {
        if (listed) leave_pending((uintptr_t)address);
        return;
    }
    if (!listed && sp_pending_is_empty(&sp_the_profiler.pending)) return;
    int saved_errno = errno;
    sp_guard_enter(self);
    uint64_t began = sp_budget_begin();
    drain_pending_guarded();
    forget_guarded((uintptr_t)address);
    sp_budget_spend(began);
    sp_guard_leave(self);
    errno = saved_errno;
}

/* ---- Objects loaded in the meantime ---- */

#define EXPECT_CALLS 16 /* the loader makes allocations of its own before the object is in place */

void sp_profiler_follow_objects(sp_object_follower *follower) {
    atomic_store_explicit(&sp_the_profiler.follower, follower, memory_order_release);
}

void spprof_expect_objects(void) {
    spprof_this_thread.expecting = EXPECT_CALLS;
    spprof_this_thread.countdown = SP_COUNTDOWN_DUE;
}

void sp_profiler_meet_expected(spprof_thread *self) {
    sp_object_follower *follower = atomic_load_explicit(&sp_the_profiler.follower, memory_order_acquire);
    self->expecting--;
    sp_guard_enter(self);
    if (follower) follower();
    sp_guard_leave(self);
}

/* ---- Allocations ---- */

static uint32_t thread_id(spprof_thread *self) {
    if (self->thread_id == 0) self->thread_id = sp_thread_kernel_id();
    return self->thread_id;
}

/* Fill in the ticket's sample, which holds its stack, and stay inside the guard. */
static void take_sample(spprof_thread *self, spprof_ticket *ticket, size_t size, uint32_t rate) {
    sp_guard_enter(self);
    uint64_t began = sp_budget_begin();
    sp_stack_record *stack = sp_capture_stack();
    sp_budget_spend(began);
    ticket->sampled = true;
    ticket->sample = (spprof_sample){
        .size = size,
        .rate = rate,
        .stack_id = atomic_load_explicit(&stack->id, memory_order_relaxed),
        .thread_id = thread_id(self),
    };
}

/* Return whether this request is the sample that a pool is handing off. If so, the handoff is complete. */
static bool take_handoff(spprof_thread *self, size_t size) {
    if (!self->handoff_armed || size < SP_HANDOFF_MIN || size > SP_HANDOFF_MAX) return false;
    self->handoff_armed = 0;
    return true;
}

/* A hook that does not count redraws instead of deciding. Otherwise each of its calls would take this path until a
 * hook that counts makes a decision. */
static void decide_while_active(spprof_thread *self, sp_plan plan, spprof_ticket *ticket, size_t size, bool counted) {
    if (self->expecting) sp_profiler_meet_expected(self);
    if (take_handoff(self, size)) {
        take_sample(self, ticket, self->handoff_size, self->drawn_rate);
    } else if (!counted) {
        sp_sampler_redraw(self, plan);
    } else if (sp_sampler_decide(self, plan, size)) {
        uint32_t rate = self->drawn_rate;
        sp_sampler_redraw(self, plan);
        take_sample(self, ticket, size, rate);
    }
    if (self->expecting) self->countdown = SP_COUNTDOWN_DUE;
}

static void decide(spprof_thread *self, spprof_ticket *ticket, size_t size, bool counted) {
    sp_plan plan = sp_profiler_plan();
    if (plan.active) decide_while_active(self, plan, ticket, size, counted);
    sp_sampler_lift(self, plan);
}

/* Raise the countdown after an allocation that was counted but cannot become a sample. */
static void skip_decision(spprof_thread *self) {
    sp_sampler_lift(self, sp_profiler_plan());
}

/* An allocation of this size can only fail. It must not be counted: the countdown may have wrapped. */
static bool is_impossible(size_t size) {
    return __builtin_expect(size > PTRDIFF_MAX, 0);
}

static void give_back(spprof_thread *self, size_t size) {
    self->countdown = (int64_t)((uint64_t)self->countdown + (uint64_t)size);
}

static void begin(spprof_ticket *ticket, size_t size, bool counted) {
    spprof_thread *self = &spprof_this_thread;
    ticket->sampled = ticket->detached = false;
    ticket->size = size;
    if (is_impossible(size)) {
        give_back(self, size);
        return;
    }
    if (self->guard) {
        skip_decision(self);
        return;
    }
    int saved_errno = errno;
    decide(self, ticket, size, counted);
    errno = saved_errno;
}

void spprof_begin(spprof_ticket *ticket, size_t size) {
    begin(ticket, size, true);
}

void spprof_begin_uncounted(spprof_ticket *ticket, size_t size) {
    begin(ticket, size, false);
}

/* ---- Reallocations ---- */

static void detach(spprof_thread *self, spprof_ticket *ticket, void *address) {
    sp_guard_enter(self);
    drain_pending_guarded();
    ticket->detached = sp_live_table_remove(&sp_the_profiler.live, (uintptr_t)address, &ticket->old);
    sp_guard_leave(self);
}

void spprof_begin_realloc(spprof_ticket *ticket, void *old, size_t size, bool counted) {
    spprof_thread *self = &spprof_this_thread;
    ticket->sampled = ticket->detached = false;
    ticket->size = size;
    bool listed = old && is_listed(old);
    if (is_impossible(size)) {
        give_back(self, size);
        counted = false;
    }
    if (self->guard) {
        skip_decision(self);
        if (listed) leave_pending((uintptr_t)old);
        return;
    }
    int saved_errno = errno;
    if (listed) detach(self, ticket, old);
    bool due = self->countdown < __atomic_load_n(&spprof_the_gate.threshold, __ATOMIC_RELAXED);
    if (due)
        decide(self, ticket, size, counted);
    else
        skip_decision(self);
    errno = saved_errno;
}

/* ---- The end of any call ---- */

void spprof_call_when_refused(spprof_refusal *refusal) {
    atomic_store(&sp_the_profiler.refusal, refusal);
}

static void settle_refused_guarded(const spprof_ticket *ticket) {
    spprof_refusal *refusal = atomic_load(&sp_the_profiler.refusal);
    sp_stack_release(sp_stack_table_get(&sp_the_profiler.stacks, ticket->sample.stack_id));
    if (refusal && ticket->size != 0) refusal();
}

/* These tries suffice for the thread that thins to stay ahead of the threads that keep filling the table. */
#define TRIES 40

/* Return SP_TOO_FINE if the sample, which was already counted, was thinned out. */
static sp_insert_result insert_thinned(spprof_sample *sample, spprof_sample *replaced) {
    sp_insert_result result = SP_TABLE_FULL;
    for (int tries = 0; tries < TRIES; tries++) {
        result = sp_live_table_insert(&sp_the_profiler.live, sample, replaced);
        if (result == SP_TOO_FINE && !sp_thinning_relax() && !sp_thinning_keeps(sample, replaced->rate)) return result;
        if (result == SP_TABLE_FULL && !sp_thinning_make_room()) return result;
        if (result != SP_TOO_FINE && result != SP_TABLE_FULL) return result;
    }
    return SP_TABLE_FULL;
}

static void count_lost(sp_insert_result result, spprof_weight weight) {
    if (result == SP_TABLE_FULL) spprof_count_drop(SPPROF_DROP_LIVE_TABLE_FULL);
    if (result == SP_TABLE_NO_MEMORY) spprof_count_drop(SPPROF_DROP_OUT_OF_MEMORY);
    if (result == SP_TABLE_FULL || result == SP_TABLE_NO_MEMORY) sp_counters_add_lost(weight);
}

/* A marked record does not count as a stack. */
static void count_stack(const sp_stack_record *stack, int sign) {
    if (!sp_stack_is_marked(stack)) sp_counters_add_stack(sign);
}

/* Count the sample before inserting it: once it is inserted, another thread may free it and release its stack. */
static void insert_guarded(spprof_sample *sample) {
    spprof_weight weight = spprof_weigh(sample->size, sample->rate);
    sp_stack_record *stack = sp_stack_table_get(&sp_the_profiler.stacks, sample->stack_id);
    sample->time_ns = sp_clock_monotonic_ns();
    sample->serial = atomic_fetch_add(&sp_the_profiler.counters.last_serial, 1) + 1;
    sp_counters_add_live(weight);
    if (sp_stack_sums_add(&stack->sums, &weight)) count_stack(stack, 1);
    spprof_sample replaced;
    sp_insert_result result = insert_thinned(sample, &replaced);
    if (result == SP_REPLACED) {
        atomic_fetch_add(&sp_the_profiler.counters.missed_frees, 1);
        sp_counters_add_freed(&replaced);
    }
    if (result == SP_TOO_FINE) forget_guarded(sample->address);
    if (result == SP_INSERTED || result == SP_REPLACED) sp_counters_reach_peak();
    if (result == SP_INSERTED || result == SP_REPLACED || result == SP_TOO_FINE) return;
    weight = spprof_weigh(sample->size, sample->rate);
    sp_counters_take_back(weight);
    if (sp_stack_sums_take_back(&stack->sums, &weight)) count_stack(stack, -1);
    sp_stack_release(stack);
    count_lost(result, weight);
}

static void reattach_guarded(spprof_sample *old) {
    spprof_sample replaced;
    sp_insert_result result = insert_thinned(old, &replaced);
    if (result == SP_INSERTED || result == SP_TOO_FINE) return;
    sp_counters_add_freed(result == SP_REPLACED ? &replaced : old);
    count_lost(result, spprof_weigh(old->size, old->rate));
}

/* A realloc that failed left the old block unchanged; for size 0, NULL means that the block was freed. */
static void settle_detached_guarded(spprof_ticket *ticket, const void *result) {
    if (!result && ticket->size != 0)
        reattach_guarded(&ticket->old);
    else
        sp_counters_add_freed(&ticket->old);
}

void *spprof_end(spprof_ticket *ticket, void *result) {
    if (!ticket->sampled && !ticket->detached) return result;
    spprof_thread *self = &spprof_this_thread;
    int saved_errno = errno;
    sp_guard_enter(self);
    uint64_t began = sp_budget_begin();
    drain_pending_guarded();
    if (ticket->detached) settle_detached_guarded(ticket, result);
    ticket->sample.address = (uintptr_t)result;
    if (ticket->sampled && result) insert_guarded(&ticket->sample);
    if (ticket->sampled && !result) settle_refused_guarded(ticket);
    sp_budget_spend(began);
    sp_guard_leave(self);
    if (ticket->sampled) sp_guard_leave(self); /* entered by take_sample */
    errno = saved_errno;
    return result;
}
