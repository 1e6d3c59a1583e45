#include "taken_stack.h"

#include "support.h"

sp_native_stack taken = {.capacity = TAKEN_MAX};
uintptr_t taken_addresses[TAKEN_MAX], taken_ends[TAKEN_MAX];
static uintptr_t taken_at; /* stack pointer */

void take_from(const sp_registers *registers) {
    taken.addresses = taken_addresses;
    taken.ends = taken_ends;
    sp_unwind(registers, &taken);
}

__attribute__((noinline)) void take_stack(specimen_trace *at) {
    SPECIMEN_ENTER(at);
    sp_registers registers;
    sp_registers_capture(&registers);
    taken_at = registers.value[SP_REGISTER_SP];
    take_from(&registers);
}

__attribute__((noinline)) void run_script(specimen_trace *at, specimen_function *const *script) {
    if (!at->note) at->note = specimen_note;
    if (!at->go_on) at->go_on = specimen_go_on;
    at->script = script;
    at->next = at->depth = 0;
    specimen_call_next(at);
}

void check_traced(const specimen_trace *at, size_t from) {
    CHECK(taken.count >= from + at->depth);
    for (size_t i = 0; i < at->depth; i++) {
        size_t entered = at->depth - 1 - i;
        CHECK(taken.addresses[from + i] == at->returns[entered]);
        uintptr_t begin = from + i > 0 ? taken.ends[from + i - 1] : taken.begin;
        CHECK(at->ends[entered] == 0 || begin == at->ends[entered]);
    }
}

void check_whole(const specimen_trace *at) {
    CHECK(!taken.depth_limited && !taken.truncated);
    CHECK(taken.begin == taken_at && taken_at < taken.ends[0]);
    check_traced(at, 1);
    for (size_t i = 1; i < taken.count - 1; i++) CHECK(taken.ends[i] > taken.ends[i - 1]);
    CHECK(taken.ends[taken.count - 1] == taken.ends[taken.count - 2]); /* the end of the first frame is unknown */
    CHECK(taken.count > at->depth + 1);
}
