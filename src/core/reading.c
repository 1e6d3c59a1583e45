/* reading.c: provides what was recorded to the code that exports it. */
#include "eviction.h"
#include "memory.h"
#include "profiler.h"

#include <errno.h>
#include <string.h>

bool spprof_stack_get(uint64_t id, spprof_stack *stack) {
    sp_stack_record *record = sp_stack_table_get(&sp_the_profiler.stacks, id);
    if (!record) return false;
    *stack = (spprof_stack){.frames = record->frames,
                            .count = record->count,
                            .depth_limited = record->depth_limited,
                            .truncated = record->truncated};
    return true;
}

static spprof_site read_site(sp_stack_record *record, uint32_t round) {
    spprof_site site = sp_stack_read_site(record);
    if (round != 0 && atomic_load(&record->logged) == round) {
        site.ticks = atomic_load(&record->ticks.samples);
        site.tick_ns = atomic_load(&record->ticks.weight_ns);
    }
    return site;
}

bool spprof_site_get(uint64_t stack_id, spprof_site *site) {
    sp_stack_record *record = sp_stack_table_get(&sp_the_profiler.stacks, stack_id);
    if (!record) return false;
    sp_guard_enter(&spprof_this_thread);
    *site = read_site(record, atomic_load(&sp_the_profiler.stacks.log_round));
    sp_guard_leave(&spprof_this_thread);
    return true;
}

void spprof_keep_stacks(void) {
    sp_eviction_keep_out(&sp_the_profiler.stacks);
}

void spprof_let_stacks_go(void) {
    sp_eviction_let_in(&sp_the_profiler.stacks);
}

static void copy_stacks_guarded(bool logged, spprof_site *sites, size_t capacity, size_t *count, uint64_t *frames,
                                size_t frame_capacity, size_t *frame_count) {
    sp_stack_table *table = &sp_the_profiler.stacks;
    uint32_t slot = 0, round = atomic_load(&table->log_round);
    *count = *frame_count = 0;
    for (sp_stack_record *record; (record = sp_stack_table_next(table, &slot)) != NULL;) {
        if (logged && (round == 0 || atomic_load(&record->logged) != round)) continue;
        bool fits = *count < capacity && *frame_count + record->count <= frame_capacity;
        if (fits) {
            sites[*count] = read_site(record, round);
            sites[*count].first_frame = *frame_count;
            memcpy(frames + *frame_count, record->frames, record->count * sizeof *frames);
        }
        ++*count;
        *frame_count += record->count;
    }
}

size_t spprof_copy_stacks_behind(uint32_t *slot, spprof_site *sites, size_t capacity, uint64_t *frames,
                                 size_t frame_capacity) {
    sp_stack_table *table = &sp_the_profiler.stacks;
    size_t count = 0, frame_count = 0;
    sp_guard_enter(&spprof_this_thread);
    uint32_t next = *slot;
    for (sp_stack_record *record; count < capacity && (record = sp_stack_table_next(table, &next)) != NULL;) {
        if (frame_count + record->count > frame_capacity) break;
        sites[count] = read_site(record, 0);
        sites[count++].first_frame = frame_count;
        memcpy(frames + frame_count, record->frames, record->count * sizeof *frames);
        frame_count += record->count;
        *slot = next;
    }
    sp_guard_leave(&spprof_this_thread);
    return count;
}

bool spprof_copy_stacks(bool logged, spprof_site *sites, size_t capacity, size_t *count, uint64_t *frames,
                        size_t frame_capacity, size_t *frame_count) {
    sp_guard_enter(&spprof_this_thread);
    copy_stacks_guarded(logged, sites, capacity, count, frames, frame_capacity, frame_count);
    sp_guard_leave(&spprof_this_thread);
    return *count <= capacity && *frame_count <= frame_capacity;
}

spprof_process spprof_birth_process(uint32_t birth) {
    return birth < SP_BIRTH_PROCESSES ? sp_the_profiler.birth_processes[birth] : (spprof_process){0};
}

/* Before the first start there is no table to lock. */
size_t spprof_copy_live(spprof_sample *out, size_t capacity) {
    if (sp_profiler_plan().epoch == 0) return 0;
    int saved_errno = errno;
    sp_guard_enter(&spprof_this_thread);
    size_t count = sp_live_table_copy(&sp_the_profiler.live, out, capacity);
    sp_guard_leave(&spprof_this_thread);
    errno = saved_errno;
    return count;
}

uint32_t spprof_code_lookup(uintptr_t address) {
    return sp_code_table_lookup(&sp_the_profiler.codes, address);
}

uint32_t spprof_code_intern(uintptr_t address, const spprof_code *code) {
    uint32_t id = sp_code_table_intern(&sp_the_profiler.codes, address, code);
    if (id != 0) return id;
    atomic_fetch_add_explicit(&sp_the_profiler.counters.marked_codes, 1, memory_order_relaxed);
    return SPPROF_CODE_CODES_FULL;
}

void spprof_code_forget(uintptr_t address) {
    sp_code_table_forget(&sp_the_profiler.codes, address);
}

static const char *name_of_mark(uint32_t id) {
    switch (id) {
    case SPPROF_CODE_STACKS_EVICTED:
        return "<stacks no longer kept>";
    case SPPROF_CODE_STACKS_FULL:
        return "<stacks table full>";
    case SPPROF_CODE_CODES_FULL:
        return "<code table full>";
    default:
        return NULL;
    }
}

bool spprof_code_get(uint32_t id, spprof_code *code) {
    const char *mark = name_of_mark(id);
    if (mark) {
        *code = (spprof_code){.function = mark, .function_length = (uint32_t)strlen(mark), .file = ""};
        return true;
    }
    return sp_code_table_get(&sp_the_profiler.codes, id, code);
}

bool spprof_copy(void *to, uintptr_t from, size_t bytes) {
    return sp_memory_copy(to, from, bytes);
}
