/* compact_row.c: encodings of x86-64.
 *
 *   FRAME      [ 1 | where the registers begin 8 | 0 | five registers, 3 bits each ]         rbp is the frame pointer
 *   IMMEDIATE  [ 2 | stack size 8 | 0 3 | how many registers 3 | their permutation 10 ]      sizes in words of 8 bytes
 *   INDIRECT   [ 3 | where the size is in the code 8 | words to add 3 | as above ]
 *   DWARF      [ 4 | offset of the description 24 ]
 */
#include "compact_unwind.h"

#include <string.h>

#define MODE UINT32_C(0x0F000000)
enum { FRAME = 1, IMMEDIATE, INDIRECT, DWARF };

#define DWARF_OFFSET UINT32_C(0x00FFFFFF)
#define FRAME_OFFSET UINT32_C(0x00FF0000)
#define FRAME_REGISTERS 5
#define STACK_SIZE UINT32_C(0x00FF0000)
#define STACK_ADJUST UINT32_C(0x0000E000)
#define REGISTER_COUNT UINT32_C(0x00001C00)
#define PERMUTATION UINT32_C(0x000003FF)
#define WORD 8
#define NAMES 6

/* DWARF's numbers of the registers that encodings name by 1 … 6: rbx r12 r13 r14 r15 rbp. */
static const uint8_t register_of[NAMES + 1] = {0, 3, 12, 13, 14, 15, SP_REGISTER_FP};

static void begin_row(sp_cfi_row *row, unsigned cfa_register, int64_t cfa_offset) {
    *row = (sp_cfi_row){.cfa_register = cfa_register, .cfa_offset = cfa_offset};
    sp_compact_save(row, SP_REGISTER_PC, -WORD);
}

/* The list's first register is the lowest in memory. */
static sp_compact_kind frame_row(uint32_t encoding, sp_cfi_row *row) {
    begin_row(row, SP_REGISTER_FP, 2 * WORD);
    sp_compact_save(row, SP_REGISTER_FP, -2 * WORD);
    int64_t lowest = -2 * WORD - (int64_t)sp_compact_bits(encoding, FRAME_OFFSET) * WORD;
    for (int i = 0; i < FRAME_REGISTERS; i++) {
        uint32_t name = encoding >> (3 * i) & 7;
        if (name >= NAMES) return SP_COMPACT_NONE; /* rbp has its own slot */
        if (name != 0) sp_compact_save(row, register_of[name], lowest + i * WORD);
    }
    return SP_COMPACT_ROW;
}

/* A permutation of `count` of six registers is encoded as one number: its first digit counts 6 values, the next 5 …;
 * if all six are saved, the last digit is always 0 and is not encoded. Each digit selects one of the remaining
 * registers. */
static bool save_permuted(sp_cfi_row *row, uint32_t permutation, uint32_t count) {
    uint32_t radix = 1;
    bool used[NAMES + 1] = {false};
    for (uint32_t i = 1; i < count; i++) radix *= NAMES - i;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t digit = permutation / radix, name = 0;
        permutation %= radix;
        if (i + 1 < count) radix /= NAMES - 1 - i;
        for (uint32_t left = 0; left <= digit; left++) {
            do name++;
            while (name <= NAMES && used[name]);
            if (name > NAMES) return false;
        }
        used[name] = true;
        sp_compact_save(row, register_of[name], -WORD - (int64_t)(count - i) * WORD);
    }
    return true;
}

/* The size is the operand of the function's `sub rsp`. */
static bool read_size(const sp_compact_image *image, const sp_compact_entry *entry, uint32_t *size) {
    uint64_t at = (uint64_t)entry->start + sp_compact_bits(entry->encoding, STACK_SIZE);
    uint64_t length = (uint64_t)(image->end - image->start);
    if (length < sizeof *size || at > length - sizeof *size) return false;
    memcpy(size, image->start + at, sizeof *size);
    return *size <= INT32_MAX;
}

static sp_compact_kind frameless_row(const sp_compact_image *image, const sp_compact_entry *entry, sp_cfi_row *row) {
    uint32_t encoding = entry->encoding, size = sp_compact_bits(encoding, STACK_SIZE) * WORD;
    uint32_t count = sp_compact_bits(encoding, REGISTER_COUNT);
    if (sp_compact_bits(encoding, MODE) == INDIRECT) {
        if (!read_size(image, entry, &size)) return SP_COMPACT_NONE;
        size += sp_compact_bits(encoding, STACK_ADJUST) * WORD;
    }
    if (size < WORD || count > NAMES) return SP_COMPACT_NONE;
    begin_row(row, SP_REGISTER_SP, size);
    return save_permuted(row, encoding & PERMUTATION, count) ? SP_COMPACT_ROW : SP_COMPACT_NONE;
}

sp_compact_kind sp_compact_unwind_row(const sp_compact_image *image, const sp_compact_entry *entry, sp_cfi_row *row,
                                      uint32_t *eh_frame_offset) {
    switch (sp_compact_bits(entry->encoding, MODE)) {
    case FRAME:
        return frame_row(entry->encoding, row);
    case IMMEDIATE:
    case INDIRECT:
        return frameless_row(image, entry, row);
    case DWARF:
        *eh_frame_offset = entry->encoding & DWARF_OFFSET;
        return SP_COMPACT_DWARF;
    }
    return SP_COMPACT_NONE;
}
