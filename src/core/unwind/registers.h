/* registers.h: a thread's registers as DWARF numbers them, and how one architecture names those that unwinding needs.
 *
 *   x86-64:  0 … 15  rax rdx rcx rbx rsi rdi rbp rsp r8 … r15,  16 the return address (rip)
 *   aarch64: 0 … 30  x0 … x30 (29 the frame pointer, 30 the return address),  31 sp,  32 pc
 *
 * Values of registers that a call may have changed are not known in the caller; `known` says which are.
 */
#ifndef SP_REGISTERS_H
#define SP_REGISTERS_H

#include <stdbool.h>
#include <stdint.h>

#if defined(__x86_64__)
#define SP_REGISTER_COUNT 17
#define SP_REGISTER_FP 6
#define SP_REGISTER_SP 7
#define SP_REGISTER_PC 16 /* the return address column: what it restores is the caller's pc */
/* rbx rbp rsp r12 … r15: what a function leaves as it found it. */
#define SP_REGISTERS_SAVED (UINT64_C(1) << 3 | UINT64_C(1) << 6 | UINT64_C(1) << 7 | UINT64_C(15) << 12)
#elif defined(__aarch64__)
#define SP_REGISTER_COUNT 33
#define SP_REGISTER_FP 29
#define SP_REGISTER_LR 30 /* the return address column */
#define SP_REGISTER_SP 31
#define SP_REGISTER_PC 32
/* x19 … x29, sp. */
#define SP_REGISTERS_SAVED (UINT64_C(0x7FF) << 19 | UINT64_C(1) << 31)
#endif

/* Where pointers are authenticated, a return address carries a signature above its 48 bits. */
static inline uintptr_t sp_strip_signature(uintptr_t return_address) {
#if defined(__aarch64__)
    return return_address & ((UINT64_C(1) << 48) - 1);
#else
    return return_address;
#endif
}

typedef struct sp_registers {
    uintptr_t value[SP_REGISTER_COUNT];
    uint64_t known; /* bit n: value[n] holds */
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

/* Those of the function that this is used in, at this point. */
static inline __attribute__((always_inline)) void sp_registers_capture(sp_registers *registers) {
#if defined(__x86_64__)
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
                     : "r"(registers->value)
                     : "rax", "memory");
#elif defined(__aarch64__)
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
                     : "r"(registers->value)
                     : "x9", "memory");
#endif
    registers->known = SP_REGISTERS_SAVED | UINT64_C(1) << SP_REGISTER_PC;
}

#endif
