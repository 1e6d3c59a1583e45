#include "malloc_logger.h"

#include "pool.h"
#include "profiler.h"
#include "spprof.h"

#include <stddef.h>

static _Atomic(sp_malloc_logger *) previous; /* the logger below ours; NULL: none */
static _Atomic(sp_is_allocated *) allocated;
static _Atomic uint32_t deciding; /* threads that may be about to insert a sample */

/* ---- Reports to the engine ---- */

/* A thread announces itself before it reads whether sampling is active; a stop reads `deciding` after sampling has
 * ended. The fences order the two, so that a stop either sees the thread, or the thread sees the stop. */
static void enter_decision(void) {
    atomic_fetch_add(&deciding, 1);
    atomic_thread_fence(memory_order_seq_cst);
}

static void leave_decision(void) {
    atomic_fetch_sub(&deciding, 1);
}

/* Begin as malloc's hooks do: with native="off" only a handoff is completed. */
static void decide(size_t size, uintptr_t result) {
    spprof_ticket ticket;
    enter_decision();
    if (sp_profiler_counts_native())
        spprof_begin(&ticket, size);
    else
        spprof_begin_uncounted(&ticket, size);
    spprof_end(&ticket, (void *)result);
    leave_decision();
}

static void decide_realloc(size_t size, bool counted, uintptr_t result) {
    spprof_ticket ticket;
    enter_decision();
    spprof_begin_realloc(&ticket, NULL, size, counted && sp_profiler_counts_native());
    spprof_end(&ticket, (void *)result);
    leave_decision();
}

/* The block at `address` is new: a sample that is still listed there is of a block whose free is reported later or
 * never. */
static void end_older(uintptr_t address) {
    if (address != 0 && spprof_may_be_live((void *)address)) spprof_forget((void *)address);
}

static void report_allocation(size_t size, uintptr_t result) {
    end_older(result);
    if (!spprof_passes(size)) decide(size, result);
}

static void report_free(uintptr_t address) {
    if (spprof_may_be_live((void *)address)) spprof_forget((void *)address);
}

/* A block that did not move is still the caller's. One that moved was freed before this report. */
static void end_reallocated(uintptr_t old, uintptr_t result) {
    if (old == result)
        report_free(old);
    else if (spprof_may_be_live((void *)old))
        sp_late_free((void *)old, atomic_load_explicit(&allocated, memory_order_relaxed));
}

static void report_realloc(uintptr_t old, size_t size, uintptr_t result) {
    bool failed = result == 0 && size != 0; /* for size 0, 0 means freed */
    if (!failed) end_reallocated(old, result);
    bool already_counted = sp_is_already_counted((void *)old, size);
    if (already_counted) sp_already_counted_end();
    if (result != old) end_older(result);
    if (already_counted || !spprof_passes(size)) decide_realloc(size, !already_counted, result);
}

/* ---- The logger ---- */

static void report(uint32_t type, uintptr_t first, uintptr_t second, uintptr_t result) {
    sp_late_free_settle();
    bool allocates = type & SP_LOG_ALLOCATE, frees = type & SP_LOG_FREE;
    if (allocates && frees && first != 0)
        report_realloc(first, second, result);
    else if (allocates)
        report_allocation(frees ? second : first, result);
    else if (frees && first != 0)
        report_free(first);
}

static void logger(uint32_t type, uintptr_t zone, uintptr_t second, uintptr_t third, uintptr_t result,
                   uint32_t frames_to_skip) {
    sp_malloc_logger *below = atomic_load_explicit(&previous, memory_order_acquire);
    if (below) below(type, zone, second, third, result, frames_to_skip + 1);
    bool has_zone = type & SP_LOG_ZONE;
    report(type, has_zone ? second : zone, has_zone ? third : second, result);
}

/* ---- The variable ---- */

/* OUT: nothing calls our logger. BELOW: another logger is in the variable and may call ours, so ours must not call
 * it. */
static enum { OUT, IN, BELOW } place;

/* libmalloc reads the variable by a plain load. It is aligned, so a read is never torn. */
bool sp_malloc_logger_install(sp_malloc_logger **variable, sp_is_allocated *is_allocated) {
    atomic_store_explicit(&allocated, is_allocated, memory_order_relaxed);
    sp_malloc_logger *found = __atomic_load_n(variable, __ATOMIC_ACQUIRE);
    while (found != logger) {
        if (found && place != OUT) {
            place = BELOW;
            return false;
        }
        atomic_store_explicit(&previous, found, memory_order_release); /* before our logger can be called */
        if (__atomic_compare_exchange_n(variable, &found, logger, false, __ATOMIC_RELEASE, __ATOMIC_ACQUIRE)) break;
    }
    place = IN;
    return true;
}

/* A thread that has read the variable may still call our logger, which still passes its report on. */
bool sp_malloc_logger_remove(sp_malloc_logger **variable) {
    sp_malloc_logger *found = logger;
    sp_malloc_logger *before = atomic_load_explicit(&previous, memory_order_relaxed);
    bool set_back = __atomic_compare_exchange_n(variable, &found, before, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
    if (set_back || !found) place = OUT;
    if (place == IN) place = BELOW;
    return place == OUT;
}

/* ---- While it is needed ---- */

static sp_malloc_logger **followed; /* the variable; everything here is protected by the lifecycle lock */
static bool wanted;                 /* by the next start, or by one that is active */

/* Return whether some free may still have to be reported. */
static bool is_needed(void) {
    const sp_counters *counters = &sp_the_profiler.counters;
    if (wanted) return true;
    if (spprof_is_shut_down()) return false;
    atomic_thread_fence(memory_order_seq_cst);
    bool is_deciding = atomic_load(&deciding) > 0; /* first: a thread that has left may have inserted a sample */
    return is_deciding || atomic_load(&counters->total_samples) != atomic_load(&counters->freed_samples);
}

static void listen(bool is_active) {
    if (!is_active) wanted = false;
    if (!is_needed()) sp_malloc_logger_remove(followed);
}

void sp_malloc_logger_follow(sp_malloc_logger **variable, sp_is_allocated *is_allocated) {
    followed = variable;
    atomic_store_explicit(&allocated, is_allocated, memory_order_relaxed);
    sp_profiler_listen(listen);
}

/* If another tool has cleared the variable, frees were missed. */
static void set_logger(void) {
    if (spprof_is_shut_down()) return;
    bool was_cleared = place == IN && !__atomic_load_n(followed, __ATOMIC_RELAXED);
    if (was_cleared) spprof_count_drop(SPPROF_DROP_HOOK_DISPLACED);
    wanted = true;
    sp_malloc_logger_install(followed, atomic_load_explicit(&allocated, memory_order_relaxed));
}

void sp_malloc_logger_want(void) {
    if (followed) sp_profiler_call_alone(set_logger);
}
