/* registers.h: a thread's registers as DWARF numbers them. register_names.h in the architecture's folder defines the
 * numbers.
 *
 *   value:  [ 0 | 1 | … | SP_REGISTER_COUNT − 1 ]        among them SP_REGISTER_FP, _SP, _PC and _RETURN
 *   known:  one bit for each register
 *
 * The caller's values of registers that a call may have changed are unknown; `known` says which values are known.
 */
#ifndef SP_REGISTERS_H
#define SP_REGISTERS_H

#include "register_names.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct sp_registers {
    uintptr_t value[SP_REGISTER_COUNT];
    uint64_t known; /* bit n: value[n] is valid */
} sp_registers;

static inline bool sp_registers_get(const sp_registers *registers, uint64_t number, uintptr_t *value) {
    if (number >= SP_REGISTER_COUNT || !(registers->known >> number & 1)) return false;
    *value = registers->value[number];
    return true;
}

static inline void sp_registers_set(sp_registers *registers, unsigned number, uintptr_t value) {
    registers->value[number] = value;
    registers->known |= UINT64_C(1) << number;
}

/* Capture the registers of the calling function at this point. */
static inline __attribute__((always_inline)) void sp_registers_capture(sp_registers *registers) {
    sp_registers_store_saved(registers->value);
    registers->known = SP_REGISTERS_SAVED | UINT64_C(1) << SP_REGISTER_PC;
}

#endif
