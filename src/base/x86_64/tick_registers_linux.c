#include "tick.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <ucontext.h>

#define GENERAL 17

static const mcontext_t *machine_of(const void *context) {
    return &((const ucontext_t *)context)->uc_mcontext;
}

uintptr_t sp_tick_stack_pointer(const void *context) {
    return (uintptr_t)machine_of(context)->gregs[REG_RSP];
}

void sp_tick_registers(const sp_interrupted *interrupted, uintptr_t *values) {
    static const uint8_t order[GENERAL] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
                                           REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                           REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
    const mcontext_t *machine = machine_of(interrupted->context);
    for (unsigned i = 0; i < GENERAL; i++) values[i] = (uintptr_t)machine->gregs[order[i]];
}

size_t sp_tick_words(const sp_interrupted *interrupted, uintptr_t *words) {
    const mcontext_t *machine = machine_of(interrupted->context);
    enum { VECTOR_BYTES = sizeof machine->fpregs->_xmm };
    _Static_assert(GENERAL + VECTOR_BYTES / sizeof(uintptr_t) == SP_TICK_WORDS_MAX, "two words per vector");
    sp_tick_registers(interrupted, words);
    if (!machine->fpregs) return GENERAL;
    memcpy(words + GENERAL, machine->fpregs->_xmm, VECTOR_BYTES);
    return SP_TICK_WORDS_MAX;
}

/* If a call restarts, its instruction is at the interrupted address; if the call failed, its instruction is just
 * before that address. A page that may be missing is not read. */
bool sp_tick_has_woken(const sp_interrupted *interrupted) {
    static const uint8_t system_call[2] = {0x0F, 0x05};
    const mcontext_t *machine = machine_of(interrupted->context);
    uintptr_t at = (uintptr_t)machine->gregs[REG_RIP];
    if (machine->gregs[REG_RAX] == -EINTR) at -= sizeof system_call;
    bool is_in_one_page = at % 4096 <= 4096 - sizeof system_call && (at ^ (uintptr_t)machine->gregs[REG_RIP]) < 4096;
    return is_in_one_page && memcmp((const void *)at, system_call, sizeof system_call) == 0;
}
