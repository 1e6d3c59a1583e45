#include "tick.h"

#include <errno.h>
#include <stdbool.h>
#include <ucontext.h>

#define GENERAL 31

static const mcontext_t *machine_of(const void *context) {
    return &((const ucontext_t *)context)->uc_mcontext;
}

uintptr_t sp_tick_stack_pointer(const void *context) {
    return machine_of(context)->sp;
}

void sp_tick_registers(const sp_interrupted *interrupted, uintptr_t *values) {
    const mcontext_t *machine = machine_of(interrupted->context);
    for (unsigned i = 0; i < GENERAL; i++) values[i] = machine->regs[i];
    values[GENERAL] = machine->sp;
    values[GENERAL + 1] = machine->pc;
}

size_t sp_tick_words(const sp_interrupted *interrupted, uintptr_t *words) {
    sp_tick_registers(interrupted, words);
    return GENERAL + 2;
}

/* As on x86-64. */
#define SYSTEM_CALL UINT32_C(0xD4000001) /* svc #0 */

bool sp_tick_has_woken(const sp_interrupted *interrupted) {
    const mcontext_t *machine = machine_of(interrupted->context);
    uintptr_t at = machine->pc;
    if ((int64_t)machine->regs[0] == -EINTR) at -= 4;
    return at % 4 == 0 && (at ^ machine->pc) < 4096 && *(const uint32_t *)at == SYSTEM_CALL;
}
