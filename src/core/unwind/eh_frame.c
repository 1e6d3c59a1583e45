#include "eh_frame.h"

#include "dwarf_reader.h"
#include "registers.h"

#define HEADER_VERSION 1
#define USUAL_TABLE (DW_EH_PE_datarel | DW_EH_PE_sdata4)
#define PAIR_BYTES 8  /* two 4-byte offsets */
#define LETTERS_MAX 8 /* twice as many as compilers produce */

/* ---- Entries of .eh_frame ---- */

/* [ length: 4, or 4 + 8 ][ id: 4 ][ rest … ]      a CIE's id is 0, an FDE's id is the distance back to its CIE */
typedef struct sp_eh_entry {
    const uint8_t *id_place;
    uint32_t id; /* the id has four bytes even if the length has eight */
    sp_dwarf_reader rest;
} sp_eh_entry;

/* The parts of a CIE that its FDEs need. */
typedef struct sp_cie {
    const uint8_t *program, *program_end;
    uint64_t code_alignment;
    int64_t data_alignment;
    uint64_t return_column;
    bool sized_augmentation; /* 'z': each FDE says how much to skip */
    bool signal_frame;
    uint8_t pointer_encoding;
} sp_cie;

static sp_dwarf_reader reader_from(const sp_eh_image *image, uintptr_t address) {
    bool inside = address >= (uintptr_t)image->start && address < (uintptr_t)image->end;
    if (!inside) return (sp_dwarf_reader){.at = image->end, .end = image->end, .failed = true};
    return (sp_dwarf_reader){.at = image->start + (address - (uintptr_t)image->start), .end = image->end};
}

static uint64_t read_length(sp_dwarf_reader *reader) {
    enum { EIGHT_BYTES_FOLLOW = 0xFFFFFFFF };
    uint64_t length = sp_dwarf_read_unsigned(reader, 4);
    return length == EIGHT_BYTES_FOLLOW ? sp_dwarf_read_unsigned(reader, 8) : length;
}

/* Move the reader to the next entry. Return false at the end of the readable bytes, or at an entry without an id,
 * which ends the section. */
static bool read_entry(sp_dwarf_reader *reader, sp_eh_entry *entry) {
    uint64_t length = read_length(reader);
    const uint8_t *bytes = sp_dwarf_read_block(reader, length);
    if (reader->failed) return false;
    entry->rest = (sp_dwarf_reader){.at = bytes, .end = reader->at};
    entry->id_place = bytes;
    entry->id = (uint32_t)sp_dwarf_read_unsigned(&entry->rest, 4);
    return !entry->rest.failed;
}

/* ---- CIE ---- */

/* After an unknown letter, the rest of the augmentation data cannot be interpreted, but its end is known. */
static void read_augmentation_data(sp_dwarf_reader *reader, const uint8_t *letters, sp_cie *cie) {
    uint64_t length = sp_dwarf_read_uleb(reader);
    const uint8_t *data = sp_dwarf_read_block(reader, length);
    sp_dwarf_reader augmentation = {.at = data, .end = reader->at, .failed = reader->failed};
    for (; *letters != 0 && !augmentation.failed; letters++) {
        if (*letters == 'R')
            cie->pointer_encoding = (uint8_t)sp_dwarf_read_unsigned(&augmentation, 1);
        else if (*letters == 'P')
            sp_dwarf_skip_pointer(&augmentation, (uint8_t)sp_dwarf_read_unsigned(&augmentation, 1));
        else if (*letters == 'L')
            sp_dwarf_read_unsigned(&augmentation, 1);
        else if (*letters == 'S')
            cie->signal_frame = true;
        else if (*letters != 'B') /* aarch64: which key signs return addresses; not needed to strip them */
            break;
    }
    if (augmentation.failed) sp_dwarf_fail(reader);
}

/* Read the augmentation's letters, terminated by a zero byte. */
static const uint8_t *read_letters(sp_dwarf_reader *reader) {
    const uint8_t *letters = reader->at;
    for (unsigned i = 0; i <= LETTERS_MAX; i++)
        if (sp_dwarf_read_unsigned(reader, 1) == 0) return letters;
    sp_dwarf_fail(reader);
    return letters;
}

static void read_address_size(sp_dwarf_reader *reader) {
    uint64_t address_size = sp_dwarf_read_unsigned(reader, 1);
    uint64_t segment_size = sp_dwarf_read_unsigned(reader, 1);
    if (address_size != sizeof(uintptr_t) || segment_size != 0) sp_dwarf_fail(reader);
}

static bool read_cie(const sp_eh_image *image, uintptr_t address, sp_cie *cie) {
    sp_dwarf_reader section = reader_from(image, address);
    sp_eh_entry entry;
    if (!read_entry(&section, &entry) || entry.id != 0) return false;
    sp_dwarf_reader *reader = &entry.rest;
    uint64_t version = sp_dwarf_read_unsigned(reader, 1);
    if (version != 1 && version != 3 && version != 4) return false;
    const uint8_t *letters = read_letters(reader);
    if (version == 4) read_address_size(reader);
    *cie = (sp_cie){.pointer_encoding = DW_EH_PE_absptr};
    cie->code_alignment = sp_dwarf_read_uleb(reader);
    cie->data_alignment = sp_dwarf_read_sleb(reader);
    cie->return_column = version == 1 ? sp_dwarf_read_unsigned(reader, 1) : sp_dwarf_read_uleb(reader);
    if (reader->failed || cie->return_column >= SP_REGISTER_COUNT) return false;
    cie->sized_augmentation = *letters == 'z';
    if (cie->sized_augmentation)
        read_augmentation_data(reader, letters + 1, cie);
    else if (*letters != 0)
        return false; /* "eh", produced by compilers before 2001, or unknown letters */
    cie->program = reader->at;
    cie->program_end = reader->end;
    return !reader->failed;
}

/* ---- FDE ---- */

/* A range that wraps around contains no address. */
static bool read_addresses(sp_dwarf_reader *reader, uint8_t encoding, sp_fde *fde) {
    fde->pc_start = sp_dwarf_read_pointer(reader, encoding, 0);
    fde->pc_end = fde->pc_start + sp_dwarf_read_value(reader, encoding);
    return !reader->failed;
}

/* Return false if the entry is not an FDE, does not contain `pc`, or is not readable. */
static bool read_fde(const sp_eh_image *image, const sp_eh_entry *entry, uintptr_t pc, sp_fde *fde) {
    sp_cie cie;
    if (entry->id == 0 || !read_cie(image, (uintptr_t)entry->id_place - entry->id, &cie)) return false;
    sp_dwarf_reader reader = entry->rest;
    if (!read_addresses(&reader, cie.pointer_encoding, fde)) return false;
    if (pc < fde->pc_start || pc >= fde->pc_end) return false;
    if (cie.sized_augmentation) sp_dwarf_read_block(&reader, sp_dwarf_read_uleb(&reader));
    fde->cie_program = cie.program;
    fde->cie_program_end = cie.program_end;
    fde->fde_program = reader.at;
    fde->fde_program_end = reader.end;
    fde->code_alignment = cie.code_alignment;
    fde->data_alignment = cie.data_alignment;
    fde->return_column = cie.return_column;
    fde->signal_frame = cie.signal_frame;
    fde->pointer_encoding = cie.pointer_encoding;
    return !reader.failed;
}

bool sp_eh_frame_read(const sp_eh_image *image, uintptr_t address, uintptr_t pc, sp_fde *fde) {
    sp_dwarf_reader reader = reader_from(image, address);
    sp_eh_entry entry;
    return read_entry(&reader, &entry) && read_fde(image, &entry, pc, fde);
}

/* ---- .eh_frame_hdr ---- */

typedef struct sp_eh_header {
    uintptr_t eh_frame;   /* 0: not present */
    bool has_table;       /* a table of the usual kind */
    uint64_t table_count; /* pairs */
    const uint8_t *table;
} sp_eh_header;

static bool read_header(const sp_eh_image *image, sp_eh_header *header) {
    sp_dwarf_reader reader = reader_from(image, (uintptr_t)image->header);
    if (sp_dwarf_read_unsigned(&reader, 1) != HEADER_VERSION) return false;
    uint8_t eh_frame_encoding = (uint8_t)sp_dwarf_read_unsigned(&reader, 1);
    uint8_t count_encoding = (uint8_t)sp_dwarf_read_unsigned(&reader, 1);
    uint8_t table_encoding = (uint8_t)sp_dwarf_read_unsigned(&reader, 1);
    uintptr_t self = (uintptr_t)image->header;
    *header = (sp_eh_header){0};
    if (eh_frame_encoding != DW_EH_PE_omit) header->eh_frame = sp_dwarf_read_pointer(&reader, eh_frame_encoding, self);
    if (reader.failed) return false;
    header->has_table = count_encoding != DW_EH_PE_omit && table_encoding == USUAL_TABLE;
    if (!header->has_table) return true;
    header->table_count = sp_dwarf_read_pointer(&reader, count_encoding, self);
    header->table = reader.at;
    return !reader.failed && header->table_count <= (size_t)(reader.end - reader.at) / PAIR_BYTES;
}

/* Return one of the pair's two addresses. */
static uintptr_t address_in_pair(const sp_eh_image *image, const uint8_t *pair, unsigned which) {
    sp_dwarf_reader reader = {.at = pair + PAIR_BYTES / 2 * which, .end = image->end};
    return sp_dwarf_read_pointer(&reader, USUAL_TABLE, (uintptr_t)image->header);
}

/* Find the last pair that does not start after `pc`. If any function contains `pc`, it is the one that this pair
 * describes. */
static bool find_in_table(const sp_eh_image *image, const sp_eh_header *header, uintptr_t pc, sp_fde *fde) {
    uint64_t low = 0, high = header->table_count; /* the first pair after `pc` is one of low … high */
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (address_in_pair(image, header->table + middle * PAIR_BYTES, 0) <= pc)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 &&
           sp_eh_frame_read(image, address_in_pair(image, header->table + (low - 1) * PAIR_BYTES, 1), pc, fde);
}

bool sp_eh_frame_search(const sp_eh_image *image, uintptr_t first, uintptr_t pc, sp_fde *fde) {
    sp_dwarf_reader reader = reader_from(image, first);
    sp_eh_entry entry;
    for (unsigned i = 0; i < SP_EH_SEARCHED_MAX && read_entry(&reader, &entry); i++)
        if (read_fde(image, &entry, pc, fde)) return true;
    return false;
}

bool sp_eh_frame_find(const sp_eh_image *image, uintptr_t pc, sp_fde *fde) {
    sp_eh_header header;
    if (!read_header(image, &header)) return false;
    return header.has_table ? find_in_table(image, &header, pc, fde)
                            : sp_eh_frame_search(image, header.eh_frame, pc, fde);
}
