/* eh_assembler.h: sections with the unwind descriptions of functions, assembled by hand.
 *
 *   [ .eh_frame_hdr with room for PAIRS_MAX pairs ][ .eh_frame: entries one by one ]     … CODE: functions
 *
 * Addresses are relative to the header, so nothing depends on the load address. Only one section can exist at a time.
 */
#ifndef EH_ASSEMBLER_H
#define EH_ASSEMBLER_H

#include "dwarf_bytes.h"
#include "eh_frame.h"
#include "registers.h"

/* Encodings, numbered as in the standard. */
enum { ABSPTR = 0x00, ULEB = 0x01, UDATA2 = 0x02, UDATA4 = 0x03, UDATA8 = 0x04 };
enum { SLEB = 0x09, SDATA2 = 0x0A, SDATA4 = 0x0B, SDATA8 = 0x0C, FORMAT = 0x0F };
enum { PCREL = 0x10, TEXTREL = 0x20, DATAREL = 0x30, FUNCREL = 0x40, ALIGNED = 0x50, INDIRECT = 0x80, OMIT = 0xFF };
enum { USUAL = PCREL | SDATA4, USUAL_TABLE = DATAREL | SDATA4 };

/* ---- Sections ---- */

enum { PAIRS_MAX = 48, CODE = 0x8000 };
enum { TABLE_ENCODING_AT = 3, COUNT_AT = 8, PAIRS_AT = 12, FIRST_ENTRY = PAIRS_AT + 8 * PAIRS_MAX };

static uint8_t bytes[1 << 14];
static size_t size;
static unsigned pairs;

static inline void put_bytes(const void *from, size_t width) {
    CHECK(size + width <= sizeof bytes);
    memcpy(bytes + size, from, width);
    size += width;
}

static inline void put(uint64_t value, size_t width) {
    put_bytes(&value, width);
}

static inline void put_at(size_t at, uint64_t value, size_t width) {
    memcpy(bytes + at, &value, width);
}

/* Write a number below 2²⁷, seven bits per byte. The result is valid both as unsigned and as signed LEB128. */
static inline void put_leb(uint64_t value) {
    put(0x80 | (value & 0x7F), 1);
    put(0x80 | (value >> 7 & 0x7F), 1);
    put(0x80 | (value >> 14 & 0x7F), 1);
    put(value >> 21, 1);
}

static inline size_t width_of(uint8_t encoding) {
    uint8_t format = encoding & 0x07;
    return format == UDATA2 ? 2 : format == UDATA4 ? 4 : 8;
}

static inline void put_pointer(uint8_t encoding, uint64_t address) {
    uint64_t value = (encoding & 0x70) == PCREL ? address - size : address;
    if ((encoding & 0x07) == ULEB)
        put_leb(value);
    else
        put(value, width_of(encoding));
}

static inline void start_section(void) {
    size = pairs = 0;
    put_bytes((uint8_t[]){1, USUAL, UDATA4, USUAL_TABLE, U4(FIRST_ENTRY - 4)}, COUNT_AT);
    put(0, 4);
    while (size < FIRST_ENTRY) put(0, 1);
}

static inline void put_pair(uint64_t address, size_t entry) {
    CHECK(pairs < PAIRS_MAX);
    put_at(PAIRS_AT + 8 * pairs, address, 4);
    put_at(PAIRS_AT + 8 * pairs + 4, entry, 4);
    put_at(COUNT_AT, ++pairs, 4);
}

static inline size_t entry_of_the_first_pair(void) {
    uint32_t entry;
    memcpy(&entry, bytes + PAIRS_AT + 4, sizeof entry);
    return entry;
}

static inline void forget_table(void) {
    bytes[TABLE_ENCODING_AT] = OMIT;
}

static inline size_t start_entry(void) {
    put(0, 4);
    return size - 4;
}

static inline void end_entry(size_t entry) {
    put_at(entry, size - entry - 4, 4);
}

#define CIE_PROGRAM 0xC1, 0xC2, 0xC3
#define FDE_PROGRAM 0xF1, 0xF2

/* Write the fields between the augmentation's letters and its data. */
static inline void put_factors(uint8_t version, uint64_t return_column) {
    if (version == 4) put_bytes((uint8_t[]){8, 0}, 2);
    put_bytes((uint8_t[]){4, 0x78}, 2); /* code and data alignment factors: 4, −8 */
    put(return_column, 1);
}

/* `data`, which has `data_size` bytes, belongs to the letters after z. */
static inline size_t put_cie(uint8_t version, const char *letters, const uint8_t *data, size_t data_size) {
    size_t entry = start_entry();
    put(0, 4);
    put(version, 1);
    put_bytes(letters, strlen(letters) + 1);
    put_factors(version, SP_REGISTER_FP);
    if (letters[0] == 'z') put(data_size, 1);
    put_bytes(data, data_size);
    put_bytes((uint8_t[]){CIE_PROGRAM}, 3);
    end_entry(entry);
    return entry;
}

static inline size_t put_usual_cie(uint8_t encoding) {
    return put_cie(1, "zR", &encoding, 1);
}

static inline size_t put_fde(size_t cie, uint8_t encoding, uint64_t start, uint64_t length, bool augmented) {
    size_t entry = start_entry();
    put(size - cie, 4);
    put_pointer(encoding, start);
    put_pointer(encoding & FORMAT, length);
    if (augmented) put(0, 1);
    put_bytes((uint8_t[]){FDE_PROGRAM}, 2);
    end_entry(entry);
    return entry;
}

static inline void put_usual_function(uint64_t start, uint64_t length) {
    size_t cie = put_usual_cie(USUAL);
    put_pair(start, put_fde(cie, USUAL, start, length, true));
}

static inline void start_with_one_function(void) {
    start_section();
    put_usual_function(CODE, 0x100);
}

/* ---- Loaded just before an unreadable page ---- */

static sp_eh_image image;
static sp_fde fde;

static inline void load_part(size_t part) {
    const uint8_t *copy = copy_before_a_guard(bytes, part);
    image = (sp_eh_image){.start = copy, .end = copy + part, .header = copy};
}

static inline bool find(uint64_t address) {
    return sp_eh_frame_find(&image, (uintptr_t)image.header + address, &fde);
}

static inline bool find_absolute(uintptr_t pc) {
    return sp_eh_frame_find(&image, pc, &fde);
}

static inline bool load_and_find(uint64_t address) {
    load_part(size);
    return find(address);
}

static inline void assert_function(uint64_t start, uint64_t length) {
    assert_int_equal(fde.pc_start, (uintptr_t)image.header + start);
    assert_int_equal(fde.pc_end, (uintptr_t)image.header + start + length);
    assert_int_equal(fde.fde_program_end - fde.fde_program, 2);
    assert_memory_equal(fde.fde_program, ((uint8_t[]){FDE_PROGRAM}), 2);
    assert_int_equal(fde.cie_program_end - fde.cie_program, 3);
    assert_memory_equal(fde.cie_program, ((uint8_t[]){CIE_PROGRAM}), 3);
    assert_int_equal(fde.code_alignment, 4);
    assert_int_equal(fde.data_alignment, -8);
    assert_int_equal(fde.return_column, SP_REGISTER_FP);
}

#endif
