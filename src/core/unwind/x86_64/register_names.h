/* register_names.h: the DWARF numbers of x86-64's registers.
 *
 *   0 … 15  rax rdx rcx rbx rsi rdi rbp rsp r8 … r15,  16 the return address (rip)
 */
#ifndef SP_REGISTER_NAMES_H
#define SP_REGISTER_NAMES_H

#include <stdint.h>

#define SP_REGISTER_COUNT 17
#define SP_REGISTER_FP 6
#define SP_REGISTER_SP 7
#define SP_REGISTER_PC 16 /* the return address column: it restores the caller's pc */
#define SP_REGISTER_RETURN SP_REGISTER_PC

/* rbx rbp rsp r12 … r15: registers that a function preserves. */
#define SP_REGISTERS_SAVED (UINT64_C(1) << 3 | UINT64_C(1) << 6 | UINT64_C(1) << 7 | UINT64_C(15) << 12)

/* Return addresses have no signature on x86-64. */
static inline uintptr_t sp_strip_signature(uintptr_t return_address) {
    return return_address;
}

/* Store SP_REGISTERS_SAVED and the pc, each in the slot of its DWARF register number. */
static inline __attribute__((always_inline)) void sp_registers_store_saved(uintptr_t *value) {
    __asm__ volatile("movq %%rbx, 24(%0)\n\t"
                     "movq %%rbp, 48(%0)\n\t"
                     "movq %%rsp, 56(%0)\n\t"
                     "movq %%r12, 96(%0)\n\t"
                     "movq %%r13, 104(%0)\n\t"
                     "movq %%r14, 112(%0)\n\t"
                     "movq %%r15, 120(%0)\n\t"
                     "leaq 0(%%rip), %%rax\n\t"
                     "movq %%rax, 128(%0)"
                     :
                     : "r"(value)
                     : "rax", "memory");
}

#endif
