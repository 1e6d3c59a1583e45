#include "dl_hooks.h"

/* At entry the stack is 8 bytes off its alignment; the arguments are in registers. */
#define HOOK(name)                                                                                                     \
    __asm__(".text\n"                                                                                                  \
            ".hidden sp_hook_" #name "\n"                                                                              \
            ".globl sp_hook_" #name "\n"                                                                               \
            ".type sp_hook_" #name ", @function\n"                                                                     \
            "sp_hook_" #name ":\n"                                                                                     \
            ".cfi_startproc\n"                                                                                         \
            "endbr64\n"                                                                                                \
            "pushq %rdi\n"                                                                                             \
            ".cfi_adjust_cfa_offset 8\n"                                                                               \
            "pushq %rsi\n"                                                                                             \
            ".cfi_adjust_cfa_offset 8\n"                                                                               \
            "pushq %rdx\n"                                                                                             \
            ".cfi_adjust_cfa_offset 8\n"                                                                               \
            "call sp_dl_hook_expect\n"                                                                                 \
            "popq %rdx\n"                                                                                              \
            ".cfi_adjust_cfa_offset -8\n"                                                                              \
            "popq %rsi\n"                                                                                              \
            ".cfi_adjust_cfa_offset -8\n"                                                                              \
            "popq %rdi\n"                                                                                              \
            ".cfi_adjust_cfa_offset -8\n"                                                                              \
            "jmpq *sp_dl_original_" #name "(%rip)\n"                                                                   \
            ".cfi_endproc\n"                                                                                           \
            ".size sp_hook_" #name ", .-sp_hook_" #name "\n")

HOOK(dlopen);
HOOK(dlmopen);
