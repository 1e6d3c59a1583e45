#include "log.h"

#include "memory.h"
#include "options.h"
#include "profiler.h"

#include <stdatomic.h>

#define SMALLEST_CAPACITY 4096

typedef struct entry {
    uint64_t time_ns, weight_ns;
    uint32_t thread_id;
    _Atomic uint32_t stack_id; /* 0: not written yet. Release: the rest is */
} entry;

static struct {
    entry *entries;
    uint64_t capacity;
    _Atomic uint64_t used; /* places taken, or asked for in vain */
} session_log;

static bool map_entries(void) {
    uint64_t capacity = sp_options.cpu_samples_max;
    while (!(session_log.entries = sp_memory_map(capacity * sizeof(entry)))) {
        if (capacity <= SMALLEST_CAPACITY) return false;
        capacity /= 2;
    }
    session_log.capacity = capacity;
    return true;
}

static uint64_t filled(void) {
    uint64_t used = atomic_load_explicit(&session_log.used, memory_order_acquire);
    return used < session_log.capacity ? used : session_log.capacity;
}

static void empty_sums(void) {
    uint32_t last = atomic_load(&sp_the_profiler.stacks.interned.last_id);
    for (uint32_t id = 1; id <= last; id++) {
        sp_stack_record *record = sp_stack_table_get(&sp_the_profiler.stacks, id);
        if (!record) continue;
        atomic_store_explicit(&record->ticks.samples, 0, memory_order_relaxed);
        atomic_store_explicit(&record->ticks.weight_ns, 0, memory_order_relaxed);
    }
}

bool sp_log_begin(void) {
    if (!session_log.entries) return map_entries();
    if (atomic_load(&session_log.used) > session_log.capacity) empty_sums();
    if (filled() > 0) sp_memory_empty(session_log.entries, filled() * sizeof(entry));
    atomic_store(&session_log.used, 0);
    return true;
}

static void add_to_sums(const spprof_cpu_sample *sample, sp_stack_record *stack) {
    atomic_fetch_add_explicit(&stack->ticks.samples, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&stack->ticks.weight_ns, sample->weight_ns, memory_order_relaxed);
}

void sp_log_append(const spprof_cpu_sample *sample, sp_stack_record *stack) {
    uint64_t place = atomic_fetch_add_explicit(&session_log.used, 1, memory_order_relaxed);
    if (place >= session_log.capacity) {
        add_to_sums(sample, stack);
        return;
    }
    entry *to = &session_log.entries[place];
    to->time_ns = sample->time_ns;
    to->weight_ns = sample->weight_ns;
    to->thread_id = sample->thread_id;
    atomic_store_explicit(&to->stack_id, sample->stack_id, memory_order_release);
}

size_t sp_log_copy(spprof_cpu_sample *out, size_t capacity) {
    size_t count = 0;
    for (uint64_t i = 0; i < filled(); i++) {
        const entry *from = &session_log.entries[i];
        uint32_t stack_id = atomic_load_explicit(&from->stack_id, memory_order_acquire);
        if (stack_id == 0) continue;
        if (count < capacity)
            out[count] = (spprof_cpu_sample){.time_ns = from->time_ns,
                                             .weight_ns = from->weight_ns,
                                             .thread_id = from->thread_id,
                                             .stack_id = stack_id};
        count++;
    }
    return count;
}

bool spprof_cpu_overflow(uint32_t stack_id, uint64_t *samples, uint64_t *weight_ns) {
    sp_stack_record *record = sp_stack_table_get(&sp_the_profiler.stacks, stack_id);
    if (!record) return false;
    *samples = atomic_load(&record->ticks.samples);
    *weight_ns = atomic_load(&record->ticks.weight_ns);
    return true;
}
