#include "specimen.h"

void specimen_note(specimen_trace *at, uintptr_t returns, uintptr_t end) {
    specimen_enter(at, returns, end);
}

void specimen_go_on(specimen_trace *at) {
    SPECIMEN_ENTER(at);
    specimen_call_next(at);
}

#define BEGIN(name)                                                                                                    \
    ".text\n"                                                                                                          \
    ".globl " #name "\n"                                                                                               \
    ".type " #name ", %function\n" #name ":\n"
#define END(name) ".size " #name ", .-" #name "\n"
#define FUNCTION(name, body) __asm__(BEGIN(name) ".cfi_startproc\n" body ".cfi_endproc\n" END(name));
/* Code without a table, with a symbol at its end. */
#define CODE(name, body) __asm__(BEGIN(name) body ".globl " #name "_end\n" #name "_end:\n" END(name));

#if defined(__x86_64__)

/* Calls the next function with its return address `offset` bytes above the stack pointer. Keeps `at` in %r12. */
#define NOTE(offset)                                                                                                   \
    "movq %rdi, %r12\n"                                                                                                \
    "movq " #offset "(%rsp), %rsi\n"                                                                                   \
    "leaq " #offset " + 8(%rsp), %rdx\n"                                                                               \
    "call *(%rdi)\n"                                                                                                   \
    "movq %r12, %rdi\n"
#define GO_ON "call *8(%rdi)\n"
#define PUSH(register)                                                                                                 \
    "pushq " register "\n"                                                                                             \
                      ".cfi_adjust_cfa_offset 8\n"                                                                     \
                      ".cfi_rel_offset " register ", 0\n"
#define POP(register)                                                                                                  \
    "popq " register "\n"                                                                                              \
                     ".cfi_adjust_cfa_offset -8\n"                                                                     \
                     ".cfi_restore " register "\n"
#define RESERVE(bytes)                                                                                                 \
    "subq $" #bytes ", %rsp\n"                                                                                         \
    ".cfi_adjust_cfa_offset " #bytes "\n"
#define RELEASE(bytes)                                                                                                 \
    "addq $" #bytes ", %rsp\n"                                                                                         \
    ".cfi_adjust_cfa_offset -" #bytes "\n"

FUNCTION(specimen_by_saved_register, /* clang-format off */
    PUSH("%rbx") PUSH("%r12") RESERVE(8) NOTE(24)
    "movq %rsp, %rbx\n"
    ".cfi_def_cfa_register %rbx\n"
    "subq $5000, %rsp\n"
    "andq $-16, %rsp\n"
    GO_ON
    "movq %rbx, %rsp\n"
    ".cfi_def_cfa_register %rsp\n"
    RELEASE(8) POP("%r12") POP("%rbx")
    "ret\n")

FUNCTION(specimen_without_any_frame_pointer,
    PUSH("%rbp") PUSH("%r12") RESERVE(8) NOTE(24)
    "xorl %ebp, %ebp\n"
    GO_ON
    RELEASE(8) POP("%r12") POP("%rbp")
    "ret\n")

CODE(specimen_framed,
    "pushq %rbp\n"
    "movq %rsp, %rbp\n"
    "pushq %r12\n"
    "subq $8, %rsp\n"
    NOTE(24)
    GO_ON
    "addq $8, %rsp\n"
    "popq %r12\n"
    "popq %rbp\n"
    "ret\n")

CODE(specimen_frameless,
    "pushq %rbp\n"
    "pushq %r12\n"
    "subq $8, %rsp\n"
    NOTE(24)
    "xorl %ebp, %ebp\n"
    GO_ON
    "addq $8, %rsp\n"
    "popq %r12\n"
    "popq %rbp\n"
    "ret\n")

/* ---- Calls ---- */

/* %rax points to the address of the next function. %rcx contains that address, which is also on the stack. */
#define CALL(form, call)                                                                                               \
    FUNCTION(specimen_call_##form,                                                                                     \
             PUSH("%r12") RESERVE(32) NOTE(40)                                                                         \
             "movq 24(%rdi), %rax\n"                                                                                   \
             "incq 24(%rdi)\n"                                                                                         \
             "movq 16(%rdi), %rcx\n"                                                                                   \
             "leaq (%rcx, %rax, 8), %rax\n"                                                                            \
             "movq (%rax), %rcx\n"                                                                                     \
             "movq %rcx, (%rsp)\n"                                                                                     \
             "movq %rcx, 8(%rsp)\n"                                                                                    \
             call                                                                                                      \
             RELEASE(32) POP("%r12")                                                                                   \
             "ret\n")

CALL(register, "call *%rcx\n")
CALL(high_register, "movq %rcx, %r11\n" "call *%r11\n")
CALL(memory, "call *(%rax)\n")
CALL(near, "subq $8, %rax\n" "call *8(%rax)\n")
CALL(top, "call *(%rsp)\n")
CALL(near_top, "call *8(%rsp)\n")
CALL(far, "subq $1000, %rax\n" "call *1000(%rax)\n")
CALL(far_index, "subq $1000, %rax\n" "xorl %r11d, %r11d\n" "call *1000(%rax, %r11, 4)\n")
CALL(absolute, "movq %rcx, specimen_called(%rip)\n" "call *specimen_called(%rip)\n")

__asm__(".local specimen_called\n"
        ".comm specimen_called, 8, 8\n");

/* ---- Traps ---- */

#define LIE ".cfi_def_cfa_offset 40000\n"
#define TRAP "hlt\n"

FUNCTION(specimen_liar_before, LIE "ret\n")
FUNCTION(specimen_trap_first,
    TRAP
    "ret\n")

FUNCTION(specimen_trap_last,
    "jmp 2f\n"
    "1: ret\n"
    "2:\n"
    TRAP)
FUNCTION(specimen_liar_behind_trap, LIE "jmp 1b\n")

FUNCTION(specimen_call_last,
    PUSH("%r12") NOTE(8)
    GO_ON)
FUNCTION(specimen_liar_behind_call, LIE
    "popq %r12\n"
    "ret\n")

/* CFA = %rsp + 8 + ((%rip & 15) >= 11) * 8 */
__asm__(".balign 16\n");
FUNCTION(specimen_trap_plt,
    ".cfi_escape 0x0f, 11, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22\n"
    TRAP
    "nop\n" "nop\n" "nop\n" "nop\n" "nop\n"
    ".byte 0x68, 1, 0, 0, 0\n" /* pushq $1: ends at 11 */
    TRAP
    "addq $8, %rsp\n"
    "ret\n") /* clang-format on */

#elif defined(__aarch64__)

#define ENTER                                                                                                          \
    "stp x29, x30, [sp, #-32]!\n"                                                                                      \
    "stp x19, x20, [sp, #16]\n"
/* Keeps `at` in x20. */
#define NOTE                                                                                                           \
    "mov x20, x0\n"                                                                                                    \
    "mov x1, x30\n"                                                                                                    \
    "add x2, sp, #32\n"                                                                                                \
    "ldr x3, [x0]\n"                                                                                                   \
    "blr x3\n"                                                                                                         \
    "mov x0, x20\n"
#define GO_ON                                                                                                          \
    "ldr x3, [x0, #8]\n"                                                                                               \
    "blr x3\n"
#define LEAVE                                                                                                          \
    "ldp x19, x20, [sp, #16]\n"                                                                                        \
    "ldp x29, x30, [sp], #32\n"
#define TELL                                                                                                           \
    ".cfi_def_cfa_offset 32\n"                                                                                         \
    ".cfi_offset 29, -32\n"                                                                                            \
    ".cfi_offset 30, -24\n"                                                                                            \
    ".cfi_offset 19, -16\n"                                                                                            \
    ".cfi_offset 20, -8\n"
#define UNTELL                                                                                                         \
    ".cfi_def_cfa_offset 0\n"                                                                                          \
    ".cfi_restore 29\n"                                                                                                \
    ".cfi_restore 30\n"                                                                                                \
    ".cfi_restore 19\n"                                                                                                \
    ".cfi_restore 20\n"

FUNCTION(specimen_by_saved_register, /* clang-format off */
    ENTER TELL NOTE
    "mov x19, sp\n"
    ".cfi_def_cfa_register 19\n"
    "sub sp, sp, #4080\n"
    GO_ON
    "mov sp, x19\n"
    ".cfi_def_cfa_register 31\n"
    LEAVE UNTELL
    "ret\n")

FUNCTION(specimen_without_any_frame_pointer,
    ENTER TELL NOTE
    "mov x29, #0\n"
    GO_ON
    LEAVE UNTELL
    "ret\n")

CODE(specimen_framed,
    ENTER
    "mov x29, sp\n"
    NOTE
    GO_ON
    LEAVE
    "ret\n")

CODE(specimen_frameless,
    ENTER
    NOTE
    "mov x29, #0\n"
    GO_ON
    LEAVE
    "ret\n") /* clang-format on */

#endif
