#include "malloc_logger.h"

#include "pool.h"
#include "profiler.h"
#include "spprof.h"

#include <stddef.h>

static _Atomic(sp_malloc_logger *) previous; /* the logger below ours; NULL: none */
static _Atomic(sp_is_allocated *) allocated;

/* ---- Reports to the engine ---- */

/* Begin as malloc's hooks do: with native="off" only a handoff is completed. */
static void begin(spprof_ticket *ticket, size_t size) {
    if (sp_profiler_counts_native())
        spprof_begin(ticket, size);
    else
        spprof_begin_uncounted(ticket, size);
}

/* The block at `address` is new: a sample that is still listed there is of a block whose free is reported later or
 * never. */
static void end_older(uintptr_t address) {
    if (address != 0 && spprof_may_be_live((void *)address)) spprof_forget((void *)address);
}

static void report_allocation(size_t size, uintptr_t result) {
    end_older(result);
    if (spprof_passes(size)) return;
    spprof_ticket ticket;
    begin(&ticket, size);
    spprof_end(&ticket, (void *)result);
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
    if (!already_counted && spprof_passes(size)) return;
    spprof_ticket ticket;
    spprof_begin_realloc(&ticket, NULL, size, !already_counted && sp_profiler_counts_native());
    spprof_end(&ticket, (void *)result);
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
    if (place == OUT) return true;
    sp_malloc_logger *found = logger;
    sp_malloc_logger *before = atomic_load_explicit(&previous, memory_order_relaxed);
    bool set_back = __atomic_compare_exchange_n(variable, &found, before, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
    place = set_back || !found ? OUT : BELOW;
    return place == OUT;
}
