/* dwarf_reader.h: reads values from untrusted bytes.
 *
 *   ──────┬─── taken ───┬────────── left ──────────┬──────
 *                       ▲ at                       ▲ end
 *
 * A truncated or malformed value reads as 0, leaves nothing to read after it, and marks the reader as failed
 * permanently. So callers can read many values first and then check `failed` once, before they trust any of them.
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

/* How .eh_frame encodes a pointer: its format, what it is relative to, and whether the encoded value is only the
 * address of the pointer. */
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
    DW_EH_PE_pcrel = 0x10,  /* relative to the encoded pointer itself */
    DW_EH_PE_datarel = 0x30,
    DW_EH_PE_aligned = 0x50,  /* absolute, stored at the next multiple of its size */
    DW_EH_PE_relative = 0x70, /* a mask */
    DW_EH_PE_indirect = 0x80,
    DW_EH_PE_omit = 0xFF
};

void sp_dwarf_fail(sp_dwarf_reader *reader);

/* Read 1, 2, 4 or 8 bytes. */
uint64_t sp_dwarf_read_unsigned(sp_dwarf_reader *reader, size_t size);
int64_t sp_dwarf_read_signed(sp_dwarf_reader *reader, size_t size);

/* Read at most ten bytes; the value must fit in 64 bits. */
uint64_t sp_dwarf_read_uleb(sp_dwarf_reader *reader);
int64_t sp_dwarf_read_sleb(sp_dwarf_reader *reader);

/* Skip `length` bytes and return where they start. */
const uint8_t *sp_dwarf_read_block(sp_dwarf_reader *reader, uint64_t length);

/* Read a pointer that is absolute or relative to itself or to `data` (0: no pointer is relative to it). Fail if the
 * pointer is relative to anything else, or is indirect, aligned or omitted. */
uintptr_t sp_dwarf_read_pointer(sp_dwarf_reader *reader, uint8_t encoding, uintptr_t data);

/* Read the value as it is encoded, without adding a base. */
uint64_t sp_dwarf_read_value(sp_dwarf_reader *reader, uint8_t encoding);

/* Skip a pointer, whatever its encoding. */
void sp_dwarf_skip_pointer(sp_dwarf_reader *reader, uint8_t encoding);

#endif
