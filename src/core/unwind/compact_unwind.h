/* compact_unwind.h: Apple's compact unwind descriptions: 32 bits for each function of a Mach-O object.
 *
 *   __unwind_info: [ header | common encodings | index: function, page … ]  ─► page: [ function, encoding … ]
 *   encoding:      [ flags 4 | mode 4 | what the mode needs 24 ]            ─► compact_row.c of the architecture
 *
 * A description holds for a function's body alone: between its first instruction and the end of its prologue, and in
 * its epilogues, it is wrong. Return addresses are never there. Functions that 32 bits cannot describe name a
 * description in __eh_frame.
 *
 * All is untrusted bytes: whatever they contain, reading stays inside the image and ends.
 *
 * Memory:  reads only [image->start, image->end); allocates nothing, keeps no state.
 * Threads, signals: any.
 */
#ifndef SP_COMPACT_UNWIND_H
#define SP_COMPACT_UNWIND_H

#include "cfi.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The readable bytes of a loaded object's segment __TEXT. It begins with the Mach header, from which offsets count. */
typedef struct sp_compact_image {
    const uint8_t *start, *end;
    const uint8_t *info, *info_end; /* __unwind_info, within them */
} sp_compact_image;

/* Offsets are from the image's start. */
typedef struct sp_compact_entry {
    uint32_t start, end; /* the function, as far as the table distinguishes it from the next */
    uint32_t encoding;   /* 0: no description */
} sp_compact_entry;

/* Find the entry whose function contains the byte at `offset`. Return false if there is none or it cannot be read. */
bool sp_compact_unwind_find(const sp_compact_image *image, uint32_t offset, sp_compact_entry *entry);

typedef enum sp_compact_kind {
    SP_COMPACT_NONE,  /* no description */
    SP_COMPACT_ROW,   /* the row is complete */
    SP_COMPACT_DWARF, /* the description in __eh_frame at *eh_frame_offset applies */
} sp_compact_kind;

/* Decode an entry into the row that an equal description in DWARF would have. In its architecture's folder. */
sp_compact_kind sp_compact_unwind_row(const sp_compact_image *image, const sp_compact_entry *entry, sp_cfi_row *row,
                                      uint32_t *eh_frame_offset);

/* For the architectures: the bits of an encoding under `mask`, shifted down. */
static inline uint32_t sp_compact_bits(uint32_t encoding, uint32_t mask) {
    return (encoding & mask) / (mask & -mask);
}

static inline void sp_compact_save(sp_cfi_row *row, unsigned number, int64_t offset) {
    row->rules[number] = (sp_cfi_rule){.place = SP_CFI_AT_OFFSET, .offset = offset};
}

#endif
