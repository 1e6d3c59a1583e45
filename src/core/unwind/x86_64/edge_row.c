/* edge_row.c: the edges of functions on x86-64: the return address is on the stack, the frame pointer the caller's. */
#include "edge_row.h"

#include "untabled.h"

#include <string.h>

#define WORD 8
#define BEFORE 8 /* bytes that are read */
#define AFTER 4

static bool has_room(const sp_edge_code *code) {
    return code->at - code->start >= BEFORE && code->end - code->at >= AFTER;
}

/* The last byte of a call may look like a return. */
static bool is_in_call(const sp_edge_code *code) {
    return sp_untabled_is_behind_call((uintptr_t)code->at + 1);
}

static bool write_row(sp_cfi_row *row, int64_t pushed) {
    *row = (sp_cfi_row){.cfa_register = SP_REGISTER_SP, .cfa_offset = pushed};
    row->rules[SP_REGISTER_PC] = (sp_cfi_rule){.place = SP_CFI_AT_OFFSET, .offset = -WORD};
    return true;
}

static bool is_jump(const uint8_t *code) {
    bool indirect = code[0] == 0xFF && (code[1] >> 3 & 7) == 4;
    return code[0] == 0xE9 || code[0] == 0xEB || indirect;
}

bool sp_edge_row_of_function(const sp_edge_code *code, sp_cfi_row *row) {
    static const uint8_t push_and_move[] = {0x55, 0x48, 0x89, 0xE5}; /* push rbp; mov rbp, rsp */
    enum { RETURN = 0xC3, RETURN_AND_POP = 0xC2, POP_RBP = 0x5D };
    const uint8_t *at = code->at;
    if (!has_room(code)) return false;
    if (memcmp(at, push_and_move, sizeof push_and_move) == 0) return write_row(row, WORD);
    if (memcmp(at - 1, push_and_move, sizeof push_and_move) == 0) return write_row(row, 2 * WORD);
    bool is_return = *at == RETURN || *at == RETURN_AND_POP || (is_jump(at) && at[-1] == POP_RBP);
    return is_return && !is_in_call(code) && write_row(row, WORD);
}

bool sp_edge_row_of_stub(const sp_edge_code *code, sp_cfi_row *row) {
    bool is_stub = has_room(code) && code->at[0] == 0xFF && code->at[1] == 0x25; /* jmp [rip + …] */
    return is_stub && write_row(row, WORD);
}
