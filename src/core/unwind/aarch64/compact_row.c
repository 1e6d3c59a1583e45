/* compact_row.c: encodings of aarch64.
 *
 *   FRAMELESS  [ 2 | stack size in 16 bytes 12 | pairs of registers 12 ]     the return address is still in x30
 *   DWARF      [ 3 | offset of the description 24 ]
 *   FRAME      [ 4 | 0 12 | pairs of registers 12 ]                          x29 is the frame pointer
 *
 * A bit for each pair that was saved: x19 x20, x21 x22 … x27 x28, then four of vector registers. Below the pair x29 x30
 * those of lower numbers are higher in memory.
 */
#include "compact_unwind.h"

#define MODE UINT32_C(0x0F000000)
enum { FRAMELESS = 2, DWARF = 3, FRAME = 4 };

#define DWARF_OFFSET UINT32_C(0x00FFFFFF)
#define STACK_SIZE UINT32_C(0x00FFF000)
#define STACK_UNIT 16
#define PAIRS 5 /* of general registers; vectors come below them */
#define FIRST_PAIR 19
#define WORD 8

static void begin_row(sp_cfi_row *row, unsigned cfa_register, int64_t cfa_offset) {
    *row = (sp_cfi_row){.cfa_register = cfa_register, .cfa_offset = cfa_offset};
}

static sp_compact_kind frame_row(uint32_t encoding, sp_cfi_row *row) {
    int64_t next = -3 * WORD;
    begin_row(row, SP_REGISTER_FP, 2 * WORD);
    sp_compact_save(row, SP_REGISTER_LR, -WORD);
    sp_compact_save(row, SP_REGISTER_FP, -2 * WORD);
    for (unsigned pair = 0; pair < PAIRS; pair++) {
        if (!(encoding >> pair & 1)) continue;
        sp_compact_save(row, FIRST_PAIR + 2 * pair, next);
        sp_compact_save(row, FIRST_PAIR + 2 * pair + 1, next - WORD);
        next -= 2 * WORD;
    }
    return SP_COMPACT_ROW;
}

/* Where such a function saved pairs is not documented. Its caller can be found without them. */
static sp_compact_kind frameless_row(uint32_t encoding, sp_cfi_row *row) {
    begin_row(row, SP_REGISTER_SP, (int64_t)sp_compact_bits(encoding, STACK_SIZE) * STACK_UNIT);
    row->rules[SP_REGISTER_LR].place = SP_CFI_SAME_VALUE;
    for (unsigned pair = 0; pair < PAIRS; pair++) {
        if (!(encoding >> pair & 1)) continue;
        row->rules[FIRST_PAIR + 2 * pair].place = SP_CFI_UNDEFINED;
        row->rules[FIRST_PAIR + 2 * pair + 1].place = SP_CFI_UNDEFINED;
    }
    return SP_COMPACT_ROW;
}

sp_compact_kind sp_compact_unwind_row(const sp_compact_image *image, const sp_compact_entry *entry, sp_cfi_row *row,
                                      uint32_t *eh_frame_offset) {
    (void)image;
    switch (sp_compact_bits(entry->encoding, MODE)) {
    case FRAME:
        return frame_row(entry->encoding, row);
    case FRAMELESS:
        return frameless_row(entry->encoding, row);
    case DWARF:
        *eh_frame_offset = entry->encoding & DWARF_OFFSET;
        return SP_COMPACT_DWARF;
    }
    return SP_COMPACT_NONE;
}
