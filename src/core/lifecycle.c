/* lifecycle.c: start, stop, shutdown, fork. */
#include "budget.h"
#include "capture.h"
#include "check.h"
#include "entropy.h"
#include "fork.h"
#include "mapping_calls.h"
#include "options.h"
#include "profiler.h"
#include "scratch.h"
#include "thread.h"

#include <errno.h>

static sp_profiler *const profiler = &sp_the_profiler;

const char *spprof_version(void) {
    return SPPROF_VERSION;
}

/* tools/check_engine.py looks for this string in the file before a build for another Python installs this library. */
static const char engine_mark[] __attribute__((used)) = SPPROF_ENGINE_MARK;

void spprof_set_walker(spprof_walker *walker) {
    atomic_store_explicit(&profiler->walker, walker, memory_order_release);
}

void spprof_set_tick_walker(spprof_tick_walker *walker) {
    atomic_store_explicit(&profiler->tick_walker, walker, memory_order_release);
}

void spprof_set_native(bool on) {
    atomic_store_explicit(&profiler->native, on, memory_order_release);
}

bool sp_profiler_counts_native(void) {
    return atomic_load_explicit(&profiler->native, memory_order_acquire);
}

static void set_gate(int64_t threshold) {
    __atomic_store_n(&spprof_the_gate.threshold, threshold, __ATOMIC_RELEASE);
}

static void set_plan(sp_plan plan) {
    atomic_store_explicit(&profiler->plan, sp_plan_pack(plan), memory_order_release);
}

/* A handler on the thread that holds the lifecycle lock would wait for its own thread: the guard keeps it out. */
static void enter_lifecycle(void) {
    sp_guard_enter(&spprof_this_thread);
    sp_lock_acquire(&profiler->lifecycle);
}

static void leave_lifecycle(void) {
    sp_lock_release(&profiler->lifecycle);
    sp_guard_leave(&spprof_this_thread);
}

void sp_profiler_listen(sp_lifecycle_listener *listener) {
    atomic_store(&profiler->listener, listener);
}

void sp_profiler_call_alone(void (*change)(void)) {
    enter_lifecycle();
    change();
    leave_lifecycle();
}

static void tell_listener_locked(void) {
    sp_lifecycle_listener *listener = atomic_load(&profiler->listener);
    if (listener) listener(sp_profiler_plan().active);
}

/* Leave the broken state as it is, and stop running any of our code. */
static void switch_off(void) {
    sp_plan plan = sp_profiler_plan();
    plan.active = false;
    set_plan(plan);
    set_gate(SPPROF_STOPPED);
    atomic_store(&profiler->shut_down, true);
    atomic_store(&profiler->broken, true);
    __atomic_store_n(&spprof_the_gate.filter, &sp_filter_empty, __ATOMIC_RELEASE);
}

/* Without this, all children of one parent would draw the same numbers, and their samples would coincide. */
static void draw_otherwise(spprof_thread *self) {
    if (sp_profiler_plan().seeded) return;
    sp_sampler_seed(sp_entropy_word());
    self->random = 0;
    self->countdown = SP_COUNTDOWN_DUE;
}

static void note_birth(void) {
    uint32_t birth = profiler->stacks.birth;
    if (birth >= SP_BIRTH_PROCESSES) return;
    profiler->birth_processes[birth] = (spprof_process){.id = sp_process_id(), .mark = sp_entropy_word()};
}

/* Relaxed: some samples of other threads may count as older than the fork although they are newer, which does no
 * harm. */
static void note_fork(void) {
    uint64_t serial = atomic_load_explicit(&profiler->counters.last_serial, memory_order_relaxed);
    atomic_store_explicit(&profiler->forked_serial, serial, memory_order_relaxed);
}

/* Repair the engine after a fork. Runs in the child, on its only thread. */
static void repair_after_fork(void) {
    int saved_errno = errno;
    spprof_thread *self = &spprof_this_thread;
    bool inside = self->guard > 0; /* the fork came from a handler that had interrupted the engine */
    sp_guard_enter(self);
    self->thread_id = 0;
    draw_otherwise(self);
    sp_lock_reset_after_fork(&profiler->lifecycle);
    sp_lock_reset_after_fork(&profiler->thinning);
    sp_scratch_reset_after_fork();
    if (profiler->created) {
        sp_stack_sums_repair_after_fork();
        sp_live_table_repair_after_fork(&profiler->live);
        sp_counters_repair_after_fork();
        sp_stack_table_repair_after_fork(&profiler->stacks, inside);
        sp_map_calls_repair_after_fork();
        note_birth();
    }
    sp_guard_leave(self);
    errno = saved_errno;
}

static bool create_locked(void) {
    if (profiler->created) return true;
    sp_options_read_environment();
    if (!sp_live_table_create(&profiler->live, &spprof_the_gate.filter, sp_options.live_samples_max)) return false;
    sp_stack_table_create(&profiler->stacks, sp_options.stacks_max);
    sp_code_table_create(&profiler->codes, sp_options.codes_max);
    if (!sp_map_calls_create()) return false;
    note_birth();
    sp_check_set_handler(switch_off);
    sp_fork_call(NULL, note_fork, repair_after_fork);
    profiler->created = true;
    return true;
}

bool sp_profiler_create(void) {
    enter_lifecycle();
    bool created = create_locked();
    leave_lifecycle();
    return created;
}

static spprof_status start_locked(uint32_t rate, const uint64_t *seed) {
    sp_plan plan = sp_profiler_plan();
    if (profiler->shut_down) return SPPROF_SHUT_DOWN;
    if (plan.active) return SPPROF_ALREADY_ACTIVE;
    if (rate > SPPROF_RATE_MAX) return SPPROF_BAD_RATE;
    if (plan.epoch >= SP_EPOCHS_MAX) return SPPROF_TOO_MANY_STARTS;
    if (!create_locked()) return SPPROF_OUT_OF_MEMORY;
    sp_sampler_seed(seed ? *seed : sp_entropy_word());
    plan = (sp_plan){.rate = rate, .epoch = plan.epoch + 1, .active = true, .seeded = seed != NULL};
    sp_budget_start(rate);
    set_plan(plan);
    sp_budget_note_rate(rate);
    set_gate(sp_plan_gate(plan)); /* last, so that a thread below the new gate finds the new plan */
    return SPPROF_OK;
}

static spprof_status stop_locked(void) {
    sp_plan plan = sp_profiler_plan();
    if (!plan.active) return SPPROF_NOT_ACTIVE;
    set_gate(SPPROF_STOPPED);
    plan.active = false;
    set_plan(plan);
    return SPPROF_OK;
}

/* Do this before taking the lock: it asks the loader for its functions, and a thread that is waiting for our lock
 * may hold the loader's. */
static void prepare_stacks(void) {
    spprof_pause();
    sp_capture_prepare();
    spprof_resume();
}

void spprof_set_generated_code(spprof_generated_code *is_generated) {
    if (!sp_profiler_create()) return;
    prepare_stacks();
    sp_guard_enter(&spprof_this_thread);
    sp_capture_leave_out(is_generated);
    sp_guard_leave(&spprof_this_thread);
}

spprof_status spprof_start(uint32_t rate, const uint64_t *seed) {
    sp_profiler_use();
    prepare_stacks();
    enter_lifecycle();
    spprof_status status = start_locked(rate, seed);
    tell_listener_locked();
    leave_lifecycle();
    return status;
}

spprof_status spprof_stop(void) {
    enter_lifecycle();
    spprof_status status = stop_locked();
    tell_listener_locked();
    leave_lifecycle();
    return status;
}

void spprof_shutdown(void) {
    enter_lifecycle();
    stop_locked();
    atomic_store(&profiler->shut_down, true);
    if (profiler->created) sp_live_table_close(&profiler->live);
    tell_listener_locked();
    leave_lifecycle();
}

bool spprof_is_active(void) {
    return sp_profiler_plan().active;
}

bool spprof_is_shut_down(void) {
    return atomic_load(&profiler->shut_down);
}
