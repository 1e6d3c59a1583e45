#include "tick.h"

#include <errno.h>
#include <mach/kern_return.h>
#include <mach/message.h>
#include <stdbool.h>
#include <sys/ucontext.h>

#define NUMBERED 29 /* x0 … x28 */

typedef const struct __darwin_arm_thread_state64 machine_state;

static machine_state *state_of(const void *context) {
    return &((const ucontext_t *)context)->uc_mcontext->__ss;
}

uintptr_t sp_tick_stack_pointer(const void *context) {
    return (uintptr_t)__darwin_arm_thread_state64_get_sp(*state_of(context));
}

void sp_tick_registers(const sp_interrupted *interrupted, uintptr_t *values) {
    machine_state *state = state_of(interrupted->context);
    for (unsigned i = 0; i < NUMBERED; i++) values[i] = state->__x[i];
    values[NUMBERED] = (uintptr_t)__darwin_arm_thread_state64_get_fp(*state);
    values[NUMBERED + 1] = (uintptr_t)__darwin_arm_thread_state64_get_lr(*state);
    values[NUMBERED + 2] = (uintptr_t)__darwin_arm_thread_state64_get_sp(*state);
    values[NUMBERED + 3] = (uintptr_t)__darwin_arm_thread_state64_get_pc(*state);
}

size_t sp_tick_words(const sp_interrupted *interrupted, uintptr_t *words) {
    sp_tick_registers(interrupted, words);
    return NUMBERED + 4;
}

#define SYSTEM_CALL UINT32_C(0xD4001001) /* svc #0x80 */
#define CARRY (UINT32_C(1) << 29)        /* a BSD call has failed */

/* As on x86-64. */
static bool has_ended(machine_state *state) {
    if (state->__x[0] == EINTR) return (state->__cpsr & CARRY) != 0;
    return state->__x[0] == KERN_ABORTED || state->__x[0] == MACH_RCV_INTERRUPTED ||
           state->__x[0] == MACH_SEND_INTERRUPTED;
}

bool sp_tick_has_woken(const sp_interrupted *interrupted) {
    machine_state *state = state_of(interrupted->context);
    uintptr_t pc = (uintptr_t)__darwin_arm_thread_state64_get_pc(*state), at = has_ended(state) ? pc - 4 : pc;
    return at % 4 == 0 && (at ^ pc) < 4096 && *(const uint32_t *)at == SYSTEM_CALL;
}
