/* Code and descriptions that compilers rarely produce, in assembly. */
#include "specimens.h"

#define FUNCTION(name, body)                                                                                           \
    extern const char __start_handwritten_##name[], __stop_handwritten_##name[];                                       \
    void name(chain *rest);                                                                                            \
    __asm__(".pushsection handwritten_" #name ",\"ax\",%progbits\n"                                                    \
            ".arch armv8.3-a\n"                                                                                        \
            ".align 2\n"                                                                                               \
            ".globl " #name "\n"                                                                                       \
            ".type " #name ", %function\n"                                                                             \
            ".cfi_startproc\n" #name ":\n" body "ret\n"                                                                \
            ".cfi_endproc\n"                                                                                           \
            ".size " #name ", .-" #name "\n"                                                                           \
            ".popsection\n")
#define LISTED(name)                                                                                                   \
    {                                                                                                                  \
        name, {                                                                                                        \
            "handwritten " #name, (uintptr_t)__start_handwritten_##name, (uintptr_t)__stop_handwritten_##name          \
        }                                                                                                              \
    }

/* go_on(): x0 is the rest of the chain. The argument `call` is an instruction that calls x2. */
#define GO_ON_BY(call)                                                                                                 \
    "ldr x1, [x0]\n"                                                                                                   \
    "ldr x2, [x1], #8\n"                                                                                               \
    "cbz x2, 1f\n"                                                                                                     \
    "str x1, [x0]\n"                                                                                                   \
    "ldr x2, [x2]\n"                                                                                                   \
    "b 2f\n"                                                                                                           \
    "1: ldp x2, x0, [x0, #8]\n"                                                                                        \
    "2:\n" call
#define GO_ON GO_ON_BY("blr x2\n")

#define ENTER                                                                                                          \
    "stp x29, x30, [sp, #-16]!\n"                                                                                      \
    ".cfi_def_cfa_offset 16\n"                                                                                         \
    ".cfi_offset 29, -16\n"                                                                                            \
    ".cfi_offset 30, -8\n"                                                                                             \
    "mov x29, sp\n"
#define LEAVE                                                                                                          \
    "ldp x29, x30, [sp], #16\n"                                                                                        \
    ".cfi_def_cfa_offset 0\n"                                                                                          \
    ".cfi_restore 29\n"                                                                                                \
    ".cfi_restore 30\n"

/* ---- Frames ---- */

/* The return address is in a callee-saved register. For the last function of a chain, it is in a captured one. */
#define IN_REGISTER(number)                                                                                            \
    FUNCTION(return_address_in_x##number, "str x" #number ", [sp, #-16]!\n"                                            \
                                          ".cfi_def_cfa_offset 16\n"                                                   \
                                          ".cfi_offset " #number ", -16\n"                                             \
                                          "mov x" #number ", x30\n"                                                    \
                                          ".cfi_register 30, " #number "\n" GO_ON "mov x30, x" #number "\n"            \
                                          ".cfi_restore 30\n"                                                          \
                                          "ldr x" #number ", [sp], #16\n"                                              \
                                          ".cfi_def_cfa_offset 0\n"                                                    \
                                          ".cfi_restore " #number "\n")

IN_REGISTER(19);
IN_REGISTER(20);
IN_REGISTER(21);
IN_REGISTER(22);
IN_REGISTER(23);
IN_REGISTER(24);
IN_REGISTER(25);
IN_REGISTER(26);
IN_REGISTER(27);
IN_REGISTER(28);

FUNCTION(no_pair, "str x30, [sp, #-32]!\n"
                  ".cfi_def_cfa_offset 32\n"
                  ".cfi_offset 30, -32\n"
                  "str x29, [sp, #16]\n"
                  ".cfi_offset 29, -16\n" GO_ON "ldr x29, [sp, #16]\n"
                  ".cfi_restore 29\n"
                  "ldr x30, [sp], #32\n"
                  ".cfi_def_cfa_offset 0\n"
                  ".cfi_restore 30\n");

/* The CFA is the word at x29 + 16. */
FUNCTION(stack_pointer_in_memory, "mov x9, sp\n"
                                  "stp x29, x30, [sp, #-32]!\n"
                                  ".cfi_def_cfa_offset 32\n"
                                  ".cfi_offset 29, -32\n"
                                  ".cfi_offset 30, -24\n"
                                  "mov x29, sp\n"
                                  "str x9, [x29, #16]\n"
                                  ".cfi_remember_state\n"
                                  ".cfi_escape 0x0f, 3, 0x8d, 16, 0x06\n"
                                  "sub sp, sp, #160\n" GO_ON "add sp, sp, #160\n"
                                  ".cfi_restore_state\n"
                                  "ldp x29, x30, [sp], #32\n"
                                  ".cfi_def_cfa_offset 0\n"
                                  ".cfi_restore 29\n"
                                  ".cfi_restore 30\n");

/* The CFA is x29 + 8 + 8, written as a sum. */
FUNCTION(cfa_by_an_expression,
         ENTER ".cfi_remember_state\n"
               ".cfi_escape 0x0f, 5, 0x8d, 8, 0x23, 8, 0x96\n" GO_ON ".cfi_restore_state\n" LEAVE);

/* ---- Calls: the callee has no table, so the unwinder examines the instruction before its return address ---- */

FUNCTION(by_bl, ENTER "b 3f\n"
                      "4: br x2\n"
                      "3:\n" GO_ON_BY("bl 4b\n") LEAVE);
FUNCTION(by_blr, ENTER GO_ON LEAVE);
FUNCTION(by_blraa, ENTER GO_ON_BY("mov x3, sp\npacia x2, x3\nblraa x2, x3\n") LEAVE);
FUNCTION(by_blraaz, ENTER GO_ON_BY("paciza x2\nblraaz x2\n") LEAVE);
FUNCTION(by_blrab, ENTER GO_ON_BY("mov x3, sp\npacib x2, x3\nblrab x2, x3\n") LEAVE);
FUNCTION(by_blrabz, ENTER GO_ON_BY("pacizb x2\nblrabz x2\n") LEAVE);
FUNCTION(by_no_call, ENTER GO_ON_BY("adr x30, 5f\nbr x2\n5:\n") LEAVE);

/* The saved pair is where the function's rule says, but the frame pointer points at other words of the frame. */
FUNCTION(other_frame_pointer, "stp x29, x30, [sp, #-64]!\n"
                              ".cfi_def_cfa_offset 64\n"
                              ".cfi_offset 29, -64\n"
                              ".cfi_offset 30, -56\n"
                              "add x29, sp, #32\n"
                              "stp x29, x29, [sp, #32]\n" GO_ON "ldp x29, x30, [sp], #64\n"
                              ".cfi_def_cfa_offset 0\n"
                              ".cfi_restore 29\n"
                              ".cfi_restore 30\n");

/* ---- The sets ---- */

#define SET(set, title)                                                                                                \
    const specimen_set set = {                                                                                         \
        .name = title,                                                                                                 \
        .callers = set##_callers,                                                                                      \
        .caller_count = sizeof set##_callers / sizeof *set##_callers,                                                  \
    }

static const specimen handwritten_callers[] = {
    LISTED(return_address_in_x19),
    LISTED(return_address_in_x20),
    LISTED(return_address_in_x21),
    LISTED(return_address_in_x22),
    LISTED(return_address_in_x23),
    LISTED(return_address_in_x24),
    LISTED(return_address_in_x25),
    LISTED(return_address_in_x26),
    LISTED(return_address_in_x27),
    LISTED(return_address_in_x28),
    LISTED(no_pair),
    LISTED(stack_pointer_in_memory),
    LISTED(cfa_by_an_expression),
};
SET(handwritten, "handwritten");

static const specimen calls_callers[] = {LISTED(by_bl), LISTED(by_blr)};
SET(calls, "calls");

static const specimen signed_calls_callers[] = {
    LISTED(by_blraa),
    LISTED(by_blraaz),
    LISTED(by_blrab),
    LISTED(by_blrabz),
};
SET(signed_calls, "signed calls");

const specimen no_call = LISTED(by_no_call);
const specimen no_record = LISTED(other_frame_pointer);

/* The instruction is a hint, which older processors ignore. A signature may be 0 by chance, but not all 32 of them. */
bool signs_return_addresses(void) {
    uintptr_t plain = (uintptr_t)&signs_return_addresses;
    bool differ = false;
    for (uintptr_t with = 0; with < 32; with++) {
        register uintptr_t address __asm__("x17") = plain;
        register uintptr_t modifier __asm__("x16") = with;
        __asm__("hint #8" : "+r"(address) : "r"(modifier)); /* pacia1716 */
        differ |= address != plain;
    }
    return differ;
}
