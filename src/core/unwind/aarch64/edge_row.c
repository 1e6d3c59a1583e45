/* edge_row.c: the edges of functions on aarch64. The return address is in its register, the frame pointer is the
 * caller's; what changes the stack pointer from here to where it is known says where the CFA is.
 *
 *   stp x20, x19, [sp, #-32]!   stp x29, x30, [sp, #16]   add x29, sp, #16   body
 *                                                         └ CFA = x29 + 16
 *   body   ldp x29, x30, [sp, #16]   ldp x20, x19, [sp], #32   ret
 *                                                              └ CFA = sp
 */
#include "edge_row.h"

#include <string.h>

enum { LONGEST = 24 /* instructions of a prologue or an epilogue */, LINKAGE = 4 /* of a stub */ };
enum { FP = SP_REGISTER_FP, LR = SP_REGISTER_LR, SP = SP_REGISTER_SP };

static uint32_t word_at(const sp_edge_code *code, int number) {
    uint32_t word;
    memcpy(&word, code->at + (ptrdiff_t)number * (ptrdiff_t)sizeof word, sizeof word);
    return word;
}

static bool has_word(const sp_edge_code *code, int number) {
    ptrdiff_t from = (ptrdiff_t)number * 4;
    return code->at - code->start + from >= 0 && code->end - code->at - from >= 4;
}

static bool is_instruction(const sp_edge_code *code) {
    return (uintptr_t)code->at % 4 == 0;
}

static int64_t signed_bits(uint32_t word, unsigned from, unsigned count) {
    return (int64_t)((uint64_t)(word >> from) << (64 - count)) >> (64 - count);
}

/* ---- Instructions ---- */

static bool is_return(uint32_t word) {
    return word == 0xD65F03C0 || word == 0xD65F0BFF || word == 0xD65F0FFF; /* ret, retaa, retab */
}

/* Conditional branches are passed: any way from the body to a return restores the frame. */
static bool is_end_of_path(uint32_t word) {
    return (word & 0x7C000000) == 0x14000000 || /* b, bl */
           (word & 0xFE000000) == 0xD6000000 || /* br, blr, ret … */
           (word & 0xFF000000) == 0xD4000000;   /* svc, brk … */
}

static bool is_jump(uint32_t word) {
    return (word & 0xFC000000) == 0x14000000 || (word & 0xFEFFF000) == 0xD61F0000; /* b; br, braa … brabz */
}

/* add x29, sp, #n: from here on, the description holds. */
static bool sets_frame_pointer(uint32_t word) {
    return (word & 0xFFC003FF) == 0x910003FD;
}

/* A load or store of a pair at an address that begins with sp. */
static bool is_pair(uint32_t word) {
    return (word & 0x3A0003E0) == 0x280003E0;
}

static bool is_load_of_pair(uint32_t word) {
    return is_pair(word) && (word & 0xC4400000) == 0x80400000; /* of 64-bit general registers */
}

static bool restores_frame(uint32_t word) {
    return is_load_of_pair(word) && (word & 31) == FP && (word >> 10 & 31) == LR;
}

static unsigned pair_scale(uint32_t word) {
    bool is_vector = word >> 26 & 1;
    return is_vector ? 4u << (word >> 30) : word >> 31 ? 8 : 4;
}

/* Return by how much an instruction changes the stack pointer. */
static int64_t change_of_sp(uint32_t word) {
    int64_t amount = (int64_t)(word >> 10 & 0xFFF) << (word >> 22 & 1 ? 12 : 0);
    if ((word & 0xFF8003FF) == 0xD10003FF) return -amount; /* sub sp, sp, #n */
    if ((word & 0xFF8003FF) == 0x910003FF) return amount;  /* add sp, sp, #n */
    bool writes_back = word >> 23 & 1;
    if (is_pair(word) && writes_back) return signed_bits(word, 15, 7) * (int64_t)pair_scale(word);
    if ((word & 0xFFA007E0) == 0xF80007E0) return signed_bits(word, 12, 9); /* str, ldr x…, with write-back */
    return 0;
}

/* ---- Rows ---- */

static bool write_row(sp_cfi_row *row, int64_t cfa_offset) {
    *row = (sp_cfi_row){.cfa_register = SP, .cfa_offset = cfa_offset};
    row->rules[LR].place = SP_CFI_SAME_VALUE;
    return true;
}

/* Nothing of the caller's has been changed before the frame pointer is. */
static bool find_in_prologue(const sp_edge_code *code, sp_cfi_row *row) {
    int64_t change = 0;
    for (int i = 0; i < LONGEST && has_word(code, i); i++) {
        uint32_t word = word_at(code, i);
        if (sets_frame_pointer(word)) return write_row(row, change + (word >> 10 & 0xFFF) + 16);
        if (is_end_of_path(word) || restores_frame(word)) return false;
        change += change_of_sp(word);
    }
    return false;
}

/* Return whether the instructions before this one restore the frame, and nothing but registers after that. */
static bool is_behind_restore(const sp_edge_code *code) {
    for (int i = -1; i >= -LONGEST && has_word(code, i); i--) {
        uint32_t word = word_at(code, i);
        if (restores_frame(word)) return true;
        bool continues = (is_pair(word) && word >> 22 & 1) || change_of_sp(word) > 0;
        if (!continues && word != 0xD50323FF && word != 0xD50323BF) return false; /* autibsp, autiasp */
    }
    return false;
}

/* Registers that are loaded later do not have the caller's values yet. */
static void lose_loaded(uint64_t lost, sp_cfi_row *row) {
    for (unsigned number = 0; number < FP; number++)
        if (lost >> number & 1) row->rules[number].place = SP_CFI_UNDEFINED;
}

static bool find_in_epilogue(const sp_edge_code *code, sp_cfi_row *row) {
    int64_t change = 0;
    uint64_t lost = 0;
    for (int i = 0; i < LONGEST && has_word(code, i); i++) {
        uint32_t word = word_at(code, i);
        if (restores_frame(word)) return false;
        bool leaves = is_return(word) || (is_jump(word) && is_behind_restore(code));
        if (leaves) {
            write_row(row, change);
            lose_loaded(lost, row);
        }
        if (leaves || is_end_of_path(word)) return leaves;
        if (is_load_of_pair(word)) lost |= UINT64_C(1) << (word & 31) | UINT64_C(1) << (word >> 10 & 31);
        change += change_of_sp(word);
    }
    return false;
}

bool sp_edge_row_of_function(const sp_edge_code *code, sp_cfi_row *row) {
    return is_instruction(code) && (find_in_prologue(code, row) || find_in_epilogue(code, row));
}

/* ---- Stubs ---- */

static bool is_linkage(uint32_t word) {
    return (word & 0x9F00001E) == 0x90000010 || /* adrp x16 or x17 */
           (word & 0xFFC003FF) == 0x91000231 || /* add x17, x17, … */
           (word & 0xFFC003DF) == 0xF9400210;   /* ldr x16, [x16 or x17, …] */
}

bool sp_edge_row_of_stub(const sp_edge_code *code, sp_cfi_row *row) {
    enum { BR_X16 = 0xD61F0200, BRAA_X16_X17 = 0xD71F0A11 };
    int i = 0;
    while (is_instruction(code) && i < LINKAGE && has_word(code, i) && is_linkage(word_at(code, i))) i++;
    bool is_stub =
        is_instruction(code) && has_word(code, i) && (word_at(code, i) == BR_X16 || word_at(code, i) == BRAA_X16_X17);
    return is_stub && write_row(row, 0);
}
