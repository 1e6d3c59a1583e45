#include "dl_stubs.h"

#include "spprof.h"

void *sp_dl_stub_original_dlopen;
void *sp_dl_stub_original_dlmopen;

/* Called by the stubs below. */
__attribute__((used, visibility("hidden"))) void sp_dl_stub_note(void);

void sp_dl_stub_note(void) {
    spprof_expect_objects();
}

/* At entry the stack is 8 bytes off its alignment (x86-64) or aligned (aarch64); the arguments are in registers. */
#if defined(__x86_64__)
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
#elif defined(__aarch64__)
#define STUB(name)                                                                                                     \
    __asm__(".text\n"                                                                                                  \
            ".hidden sp_dl_stub_" #name "\n"                                                                           \
            ".globl sp_dl_stub_" #name "\n"                                                                            \
            ".type sp_dl_stub_" #name ", %function\n"                                                                  \
            "sp_dl_stub_" #name ":\n"                                                                                  \
            ".cfi_startproc\n"                                                                                         \
            "hint #34\n" /* bti c */                                                                                   \
            "stp x29, x30, [sp, #-48]!\n"                                                                              \
            ".cfi_adjust_cfa_offset 48\n"                                                                              \
            ".cfi_offset 29, -48\n"                                                                                    \
            ".cfi_offset 30, -40\n"                                                                                    \
            "stp x0, x1, [sp, #16]\n"                                                                                  \
            "str x2, [sp, #32]\n"                                                                                      \
            "bl sp_dl_stub_note\n"                                                                                     \
            "ldr x2, [sp, #32]\n"                                                                                      \
            "ldp x0, x1, [sp, #16]\n"                                                                                  \
            "ldp x29, x30, [sp], #48\n"                                                                                \
            ".cfi_adjust_cfa_offset -48\n"                                                                             \
            ".cfi_restore 29\n"                                                                                        \
            ".cfi_restore 30\n"                                                                                        \
            "adrp x16, sp_dl_stub_original_" #name "\n"                                                                \
            "ldr x16, [x16, #:lo12:sp_dl_stub_original_" #name "]\n"                                                   \
            "br x16\n"                                                                                                 \
            ".cfi_endproc\n"                                                                                           \
            ".size sp_dl_stub_" #name ", .-sp_dl_stub_" #name "\n")
#endif

STUB(dlopen);
STUB(dlmopen);
