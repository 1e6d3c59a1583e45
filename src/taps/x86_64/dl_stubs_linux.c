#include "dl_stubs.h"

/* At entry the stack is 8 bytes off its alignment; the arguments are in registers. */
#define STUB(name)                                                                                                     \
    __asm__(".text\n"                                                                                                  \
            ".hidden sp_dl_stub_" #name "\n"                                                                           \
            ".globl sp_dl_stub_" #name "\n"                                                                            \
            ".type sp_dl_stub_" #name ", @function\n"                                                                  \
            "sp_dl_stub_" #name ":\n"                                                                                  \
            ".cfi_startproc\n"                                                                                         \
            "endbr64\n"                                                                                                \
            "pushq %rdi\n"                                                                                             \
            ".cfi_adjust_cfa_offset 8\n"                                                                               \
            "pushq %rsi\n"                                                                                             \
            ".cfi_adjust_cfa_offset 8\n"                                                                               \
            "pushq %rdx\n"                                                                                             \
            ".cfi_adjust_cfa_offset 8\n"                                                                               \
            "call sp_dl_stub_note\n"                                                                                   \
            "popq %rdx\n"                                                                                              \
            ".cfi_adjust_cfa_offset -8\n"                                                                              \
            "popq %rsi\n"                                                                                              \
            ".cfi_adjust_cfa_offset -8\n"                                                                              \
            "popq %rdi\n"                                                                                              \
            ".cfi_adjust_cfa_offset -8\n"                                                                              \
            "jmpq *sp_dl_stub_original_" #name "(%rip)\n"                                                              \
            ".cfi_endproc\n"                                                                                           \
            ".size sp_dl_stub_" #name ", .-sp_dl_stub_" #name "\n")

STUB(dlopen);
STUB(dlmopen);
