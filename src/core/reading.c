/* reading.c: what was recorded, for those who write it down. */
#include "memory.h"
#include "profiler.h"

#include <errno.h>

bool spprof_stack_get(uint32_t id, spprof_stack *stack) {
    sp_stack_record *record = sp_stack_table_get(&sp_the_profiler.stacks, id);
    if (!record) return false;
    *stack = (spprof_stack){.frames = record->frames,
                            .count = record->count,
                            .depth_limited = record->depth_limited,
                            .truncated = record->truncated};
    return true;
}

bool spprof_site_get(uint32_t stack_id, spprof_site *site) {
    sp_stack_record *record = sp_stack_table_get(&sp_the_profiler.stacks, stack_id);
    if (!record) return false;
    *site = sp_stack_read_site(record);
    return true;
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
    return sp_code_table_intern(&sp_the_profiler.codes, address, code);
}

void spprof_code_forget(uintptr_t address) {
    sp_code_table_forget(&sp_the_profiler.codes, address);
}

bool spprof_code_get(uint32_t id, spprof_code *code) {
    return sp_code_table_get(&sp_the_profiler.codes, id, code);
}

bool spprof_copy(void *to, uintptr_t from, size_t bytes) {
    return sp_memory_copy(to, from, bytes);
}
