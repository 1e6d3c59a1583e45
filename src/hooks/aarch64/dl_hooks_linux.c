#include "dl_hooks.h"

/* On entry the stack is aligned and the arguments are in registers. They are saved around the call of
 * sp_dl_hook_ask_for_…, whose answer is kept in x9. */
#define BEGIN(name)                                                                                                    \
    ".text\n"                                                                                                          \
    ".hidden sp_hook_" #name "\n"                                                                                      \
    ".globl sp_hook_" #name "\n"                                                                                       \
    ".type sp_hook_" #name ", %function\n"                                                                             \
    "sp_hook_" #name ":\n"                                                                                             \
    ".cfi_startproc\n"                                                                                                 \
    "hint #34\n" /* bti c */                                                                                           \
    "stp x29, x30, [sp, #-48]!\n"                                                                                      \
    ".cfi_adjust_cfa_offset 48\n"                                                                                      \
    ".cfi_offset 29, -48\n"                                                                                            \
    ".cfi_offset 30, -40\n"                                                                                            \
    "stp x0, x1, [sp, #16]\n"                                                                                          \
    "str x2, [sp, #32]\n"                                                                                              \
    "bl sp_dl_hook_ask_for_" #name "\n"                                                                                \
    "mov x9, x0\n"                                                                                                     \
    "ldr x2, [sp, #32]\n"                                                                                              \
    "ldp x0, x1, [sp, #16]\n"                                                                                          \
    "ldp x29, x30, [sp], #48\n"                                                                                        \
    ".cfi_adjust_cfa_offset -48\n"                                                                                     \
    ".cfi_restore 29\n"                                                                                                \
    ".cfi_restore 30\n"

#define JUMP_TO_ORIGINAL(name)                                                                                         \
    "adrp x16, sp_dl_original_" #name "\n"                                                                             \
    "ldr x16, [x16, #:lo12:sp_dl_original_" #name "]\n"                                                                \
    "br x16\n"                                                                                                         \
    ".cfi_endproc\n"                                                                                                   \
    ".size sp_hook_" #name ", .-sp_hook_" #name "\n"

#define LOADING_HOOK(name) __asm__(BEGIN(name) JUMP_TO_ORIGINAL(name))

#define LOOKUP_HOOK(name)                                                                                              \
    __asm__(BEGIN(name) "cbz x9, 1f\n"                                                                                 \
                        "mov x0, x9\n"                                                                                 \
                        "ret\n"                                                                                        \
                        "1:\n" JUMP_TO_ORIGINAL(name))

LOADING_HOOK(dlopen);
LOADING_HOOK(dlmopen);
LOOKUP_HOOK(dlsym);
LOOKUP_HOOK(dlvsym);
