#include "frames.h"

#include "unwind.h"

#include <string.h>
#include <unwind.h>

static void take_from(const sp_registers *registers, sp_last_walks *walks, stack *taken) {
    sp_native_stack native = {
        .addresses = taken->addresses, .ends = taken->ends, .capacity = STACK_FRAMES_MAX, .last = walks};
    sp_unwind(registers, &native);
    taken->count = native.count;
    taken->depth_limited = native.depth_limited;
    taken->truncated = native.truncated;
}

__attribute__((noinline)) void stack_take(stack *taken) {
    sp_registers registers;
    sp_registers_capture(&registers);
    take_from(&registers, NULL, taken);
}

__attribute__((noinline)) void stack_take_beside(sp_last_walks *walks, stack *taken) {
    sp_registers registers;
    sp_registers_capture(&registers);
    take_from(&registers, walks, taken);
}

/* The registers x0 … x30, sp and pc, in DWARF's numbering. */
__attribute__((noinline)) void stack_take_from_context(const ucontext_t *context, stack *taken) {
    sp_registers registers = {.known = (UINT64_C(1) << SP_REGISTER_COUNT) - 1};
    memcpy(registers.value, context->uc_mcontext.regs, 31 * sizeof *registers.value);
    registers.value[SP_REGISTER_SP] = context->uc_mcontext.sp;
    registers.value[SP_REGISTER_PC] = context->uc_mcontext.pc;
    take_from(&registers, NULL, taken);
}

/* ---- libgcc ---- */

/* The engine's addresses are always one past the instruction that was executing, whether or not that was a call. */
static _Unwind_Reason_Code add_frame(struct _Unwind_Context *context, void *argument) {
    stack *taken = argument;
    int interrupted = 0;
    uintptr_t address = _Unwind_GetIPInfo(context, &interrupted);
    if (address == 0) return _URC_END_OF_STACK;
    if (taken->count == STACK_FRAMES_MAX) return _URC_END_OF_STACK;
    taken->addresses[taken->count++] = address + (interrupted ? 1 : 0);
    return _URC_NO_REASON;
}

__attribute__((noinline)) void stack_take_by_libgcc(stack *taken) {
    taken->count = 0;
    _Unwind_Backtrace(add_frame, taken);
}
