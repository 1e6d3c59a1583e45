#include "dwarf_reader.h"

#include <string.h>

#define LEB_BYTES 10 /* ⌈64 / 7⌉ */

void sp_dwarf_fail(sp_dwarf_reader *reader) {
    reader->failed = true;
    reader->at = reader->end;
}

const uint8_t *sp_dwarf_read_block(sp_dwarf_reader *reader, uint64_t length) {
    if (length > (size_t)(reader->end - reader->at)) {
        sp_dwarf_fail(reader);
        return reader->end;
    }
    const uint8_t *block = reader->at;
    reader->at += length;
    return block;
}

/* ---- Numbers of fixed size ---- */

/* Both architectures are little-endian: the first bytes of a word are its low ones. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "values are copied unchanged");

uint64_t sp_dwarf_read_unsigned(sp_dwarf_reader *reader, size_t size) {
    uint64_t value = 0;
    const uint8_t *bytes = sp_dwarf_read_block(reader, size);
    if (!reader->failed) memcpy(&value, bytes, size);
    return value;
}

int64_t sp_dwarf_read_signed(sp_dwarf_reader *reader, size_t size) {
    unsigned unused_bits = 64 - 8 * (unsigned)size;
    return (int64_t)(sp_dwarf_read_unsigned(reader, size) << unused_bits) >> unused_bits;
}

/* ---- Numbers of seven bits per byte, lowest first ---- */

uint64_t sp_dwarf_read_uleb(sp_dwarf_reader *reader) {
    uint64_t value = 0;
    for (unsigned i = 0; i < LEB_BYTES && reader->at < reader->end; i++) {
        uint8_t byte = *reader->at++;
        if (i == LEB_BYTES - 1 && byte > 1) break; /* bit 63 is the last one */
        value |= (uint64_t)(byte & 0x7F) << 7 * i;
        if (byte < 0x80) return value;
    }
    sp_dwarf_fail(reader);
    return 0;
}

int64_t sp_dwarf_read_sleb(sp_dwarf_reader *reader) {
    uint64_t value = 0;
    for (unsigned i = 0; i < LEB_BYTES && reader->at < reader->end; i++) {
        uint8_t byte = *reader->at++;
        if (i == LEB_BYTES - 1 && byte != 0 && byte != 0x7F) break; /* bit 63 and copies of it */
        value |= (uint64_t)(byte & 0x7F) << 7 * i;
        if (byte >= 0x80) continue;
        bool negative = byte & 0x40;
        if (negative && i < LEB_BYTES - 1) value |= ~UINT64_C(0) << 7 * (i + 1);
        return (int64_t)value;
    }
    sp_dwarf_fail(reader);
    return 0;
}

/* ---- Pointers ---- */

uint64_t sp_dwarf_read_value(sp_dwarf_reader *reader, uint8_t encoding) {
    switch (encoding & DW_EH_PE_format) {
    case DW_EH_PE_uleb128:
        return sp_dwarf_read_uleb(reader);
    case DW_EH_PE_sleb128:
        return (uint64_t)sp_dwarf_read_sleb(reader);
    case DW_EH_PE_udata2:
        return sp_dwarf_read_unsigned(reader, 2);
    case DW_EH_PE_sdata2:
        return (uint64_t)sp_dwarf_read_signed(reader, 2);
    case DW_EH_PE_udata4:
        return sp_dwarf_read_unsigned(reader, 4);
    case DW_EH_PE_sdata4:
        return (uint64_t)sp_dwarf_read_signed(reader, 4);
    case DW_EH_PE_absptr:
    case DW_EH_PE_signed:
    case DW_EH_PE_udata8:
    case DW_EH_PE_sdata8:
        return sp_dwarf_read_unsigned(reader, 8);
    }
    sp_dwarf_fail(reader);
    return 0;
}

uintptr_t sp_dwarf_read_pointer(sp_dwarf_reader *reader, uint8_t encoding, uintptr_t data) {
    uintptr_t base = 0;
    switch (encoding & (DW_EH_PE_relative | DW_EH_PE_indirect)) {
    case DW_EH_PE_absptr:
        break;
    case DW_EH_PE_pcrel:
        base = (uintptr_t)reader->at;
        break;
    case DW_EH_PE_datarel:
        base = data;
        if (base == 0) sp_dwarf_fail(reader);
        break;
    default:
        sp_dwarf_fail(reader);
    }
    uintptr_t value = base + sp_dwarf_read_value(reader, encoding);
    return reader->failed ? 0 : value;
}

void sp_dwarf_skip_pointer(sp_dwarf_reader *reader, uint8_t encoding) {
    if (encoding == DW_EH_PE_omit) return;
    if ((encoding & DW_EH_PE_relative) == DW_EH_PE_aligned)
        sp_dwarf_read_block(reader, -(uintptr_t)reader->at % sizeof(uintptr_t));
    sp_dwarf_read_value(reader, encoding);
}
