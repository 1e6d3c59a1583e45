/* register_names.h: the DWARF numbers of aarch64's registers.
 *
 *   0 … 30  x0 … x30 (29 is the frame pointer, 30 the return address),  31 sp,  32 pc
 */
#ifndef SP_REGISTER_NAMES_H
#define SP_REGISTER_NAMES_H

#include "spprof/address_bits.h"

#include <stdint.h>

#define SP_REGISTER_COUNT 33
#define SP_REGISTER_FP 29
#define SP_REGISTER_LR 30 /* the return address column */
#define SP_REGISTER_SP 31
#define SP_REGISTER_PC 32
#define SP_REGISTER_RETURN SP_REGISTER_LR

/* x19 … x29, sp: registers that a function preserves. */
#define SP_REGISTERS_SAVED (UINT64_C(0x7FF) << 19 | UINT64_C(1) << 31)

/* If pointers are authenticated, a return address has a signature above its address. */
static inline uintptr_t sp_strip_signature(uintptr_t return_address) {
    return return_address & ((UINT64_C(1) << SPPROF_ADDRESS_BITS) - 1);
}

/* Store SP_REGISTERS_SAVED and the pc, each in the slot of its DWARF register number. */
static inline __attribute__((always_inline)) void sp_registers_store_saved(uintptr_t *value) {
    __asm__ volatile("stp x19, x20, [%0, #152]\n\t"
                     "stp x21, x22, [%0, #168]\n\t"
                     "stp x23, x24, [%0, #184]\n\t"
                     "stp x25, x26, [%0, #200]\n\t"
                     "stp x27, x28, [%0, #216]\n\t"
                     "stp x29, x30, [%0, #232]\n\t"
                     "mov x9, sp\n\t"
                     "str x9, [%0, #248]\n\t"
                     "adr x9, .\n\t"
                     "str x9, [%0, #256]"
                     :
                     : "r"(value)
                     : "x9", "memory");
}

#endif
