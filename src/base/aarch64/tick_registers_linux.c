#include "tick.h"

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
