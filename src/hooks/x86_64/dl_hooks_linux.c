#include "dl_hooks.h"

/* On entry the stack is 8 bytes off its alignment and the arguments are in registers. They are saved around the call
 * of sp_dl_hook_ask_for_…, whose answer is in %rax. */
#define BEGIN(name)                                                                                                    \
    ".text\n"                                                                                                          \
    ".hidden sp_hook_" #name "\n"                                                                                      \
    ".globl sp_hook_" #name "\n"                                                                                       \
    ".type sp_hook_" #name ", @function\n"                                                                             \
    "sp_hook_" #name ":\n"                                                                                             \
    ".cfi_startproc\n"                                                                                                 \
    "endbr64\n"                                                                                                        \
    "pushq %rdi\n"                                                                                                     \
    ".cfi_adjust_cfa_offset 8\n"                                                                                       \
    "pushq %rsi\n"                                                                                                     \
    ".cfi_adjust_cfa_offset 8\n"                                                                                       \
    "pushq %rdx\n"                                                                                                     \
    ".cfi_adjust_cfa_offset 8\n"                                                                                       \
    "call sp_dl_hook_ask_for_" #name "\n"                                                                              \
    "popq %rdx\n"                                                                                                      \
    ".cfi_adjust_cfa_offset -8\n"                                                                                      \
    "popq %rsi\n"                                                                                                      \
    ".cfi_adjust_cfa_offset -8\n"                                                                                      \
    "popq %rdi\n"                                                                                                      \
    ".cfi_adjust_cfa_offset -8\n"

#define JUMP_TO_ORIGINAL(name)                                                                                         \
    "jmpq *sp_dl_original_" #name "(%rip)\n"                                                                           \
    ".cfi_endproc\n"                                                                                                   \
    ".size sp_hook_" #name ", .-sp_hook_" #name "\n"

#define LOADING_HOOK(name) __asm__(BEGIN(name) JUMP_TO_ORIGINAL(name))

#define LOOKUP_HOOK(name)                                                                                              \
    __asm__(BEGIN(name) "testq %rax, %rax\n"                                                                           \
                        "jz 1f\n"                                                                                      \
                        "ret\n"                                                                                        \
                        "1:\n" JUMP_TO_ORIGINAL(name))

LOADING_HOOK(dlopen);
LOADING_HOOK(dlmopen);
LOOKUP_HOOK(dlsym);
LOOKUP_HOOK(dlvsym);
