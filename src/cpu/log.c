#include "log.h"

#include "eviction.h"
#include "memory.h"
#include "options.h"
#include "profiler.h"

#include <stdatomic.h>

#define SMALLEST_CAPACITY 4096

typedef struct entry {
    uint64_t time_ns, weight_ns;
    uint32_t thread_id;
    _Atomic uint32_t stack; /* 0: not written yet. Release: the other fields are already written */
} entry;

static struct {
    entry *entries;
    uint64_t capacity;
    _Atomic uint64_t used; /* slots reserved, including requests after the log was full */
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

/* Clear the last round's sums, including the marked records'. */
static void empty_sums(sp_stack_table *stacks) {
    uint32_t slot = 0, round = atomic_load(&stacks->log_round);
    sp_eviction_keep_out(stacks);
    for (sp_stack_record *record; (record = sp_stack_table_next(stacks, &slot)) != NULL;) {
        if (atomic_load(&record->logged) != round) continue;
        atomic_store_explicit(&record->ticks.samples, 0, memory_order_relaxed);
        atomic_store_explicit(&record->ticks.weight_ns, 0, memory_order_relaxed);
    }
    sp_eviction_let_in(stacks);
}

bool sp_log_begin(void) {
    sp_stack_table *stacks = &sp_the_profiler.stacks;
    if (!session_log.entries && !map_entries()) return false;
    if (atomic_load(&session_log.used) > session_log.capacity) empty_sums(stacks);
    if (filled() > 0) sp_memory_empty(session_log.entries, filled() * sizeof(entry));
    atomic_store(&session_log.used, 0);
    atomic_fetch_add(&stacks->log_round, 1);
    return true;
}

static void add_to_sums(const spprof_cpu_sample *sample, sp_stack_record *stack) {
    atomic_fetch_add_explicit(&stack->ticks.samples, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&stack->ticks.weight_ns, sample->weight_ns, memory_order_relaxed);
}

/* Call this before the hold on the stack ends: from then on, the round holds the stack. */
static void note_round(sp_stack_record *stack) {
    uint32_t round = atomic_load_explicit(&sp_the_profiler.stacks.log_round, memory_order_relaxed);
    if (atomic_load_explicit(&stack->logged, memory_order_relaxed) != round)
        atomic_store_explicit(&stack->logged, round, memory_order_relaxed);
}

void sp_log_append(const spprof_cpu_sample *sample, sp_stack_record *stack) {
    note_round(stack);
    uint64_t place = atomic_fetch_add_explicit(&session_log.used, 1, memory_order_relaxed);
    if (place >= session_log.capacity) {
        add_to_sums(sample, stack);
        return;
    }
    entry *to = &session_log.entries[place];
    to->time_ns = sample->time_ns;
    to->weight_ns = sample->weight_ns;
    to->thread_id = sample->thread_id;
    uint64_t id = atomic_load_explicit(&stack->id, memory_order_relaxed);
    atomic_store_explicit(&to->stack, spprof_stack_slot(id), memory_order_release);
}

size_t sp_log_copy(spprof_cpu_sample *out, size_t capacity) {
    size_t count = 0;
    for (uint64_t i = 0; i < filled(); i++) {
        const entry *from = &session_log.entries[i];
        uint32_t stack = atomic_load_explicit(&from->stack, memory_order_acquire);
        if (stack == 0) continue;
        if (count < capacity)
            out[count] = (spprof_cpu_sample){
                .time_ns = from->time_ns, .weight_ns = from->weight_ns, .thread_id = from->thread_id, .stack = stack};
        count++;
    }
    return count;
}
