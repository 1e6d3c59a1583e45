/* dwarf_reader.h: takes values off bytes that somebody else wrote.
 *
 *   ──────┬─── taken ───┬────────── left ──────────┬──────
 *                       ▲ at                       ▲ end
 *
 * A value that is cut off or malformed is 0, leaves nothing behind it and marks the reader as failed for good. So many
 * values are taken first and `failed` is asked once, before any of them is trusted.
 *
 * Memory:  reads only [at, end), at any alignment; allocates nothing.
 * Threads, signals: any.
 */
#ifndef SP_DWARF_READER_H
#define SP_DWARF_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sp_dwarf_reader {
    const uint8_t *at, *end;
    bool failed;
} sp_dwarf_reader;

/* How .eh_frame writes a pointer: a format, what it is relative to, and whether it is only the place of the pointer. */
enum {
    DW_EH_PE_absptr = 0x00,
    DW_EH_PE_uleb128 = 0x01,
    DW_EH_PE_udata2 = 0x02,
    DW_EH_PE_udata4 = 0x03,
    DW_EH_PE_udata8 = 0x04,
    DW_EH_PE_signed = 0x08,
    DW_EH_PE_sleb128 = 0x09,
    DW_EH_PE_sdata2 = 0x0A,
    DW_EH_PE_sdata4 = 0x0B,
    DW_EH_PE_sdata8 = 0x0C,
    DW_EH_PE_format = 0x0F, /* a mask */
    DW_EH_PE_pcrel = 0x10,  /* to the encoded pointer itself */
    DW_EH_PE_datarel = 0x30,
    DW_EH_PE_aligned = 0x50,  /* absolute, at the next multiple of its size */
    DW_EH_PE_relative = 0x70, /* a mask */
    DW_EH_PE_indirect = 0x80,
    DW_EH_PE_omit = 0xFF
};

void sp_dwarf_fail(sp_dwarf_reader *reader);

/* 1, 2, 4 or 8 bytes. */
uint64_t sp_dwarf_read_unsigned(sp_dwarf_reader *reader, size_t size);
int64_t sp_dwarf_read_signed(sp_dwarf_reader *reader, size_t size);

/* At most ten bytes, and the value fits into 64 bits. */
uint64_t sp_dwarf_read_uleb(sp_dwarf_reader *reader);
int64_t sp_dwarf_read_sleb(sp_dwarf_reader *reader);

/* Where the next `length` bytes start. */
const uint8_t *sp_dwarf_read_block(sp_dwarf_reader *reader, uint64_t length);

/* An absolute pointer, or one relative to itself or to `data` (0: nothing is). What is relative to anything else,
 * indirect, aligned or omitted fails. */
uintptr_t sp_dwarf_read_pointer(sp_dwarf_reader *reader, uint8_t encoding, uintptr_t data);

/* The value as it is written: relative to nothing. */
uint64_t sp_dwarf_read_value(sp_dwarf_reader *reader, uint8_t encoding);

/* Over a pointer of any encoding. */
void sp_dwarf_skip_pointer(sp_dwarf_reader *reader, uint8_t encoding);

#endif
