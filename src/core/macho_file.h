/* macho_file.h: reads a Mach-O object's file: sections, symbols, UUID.
 *
 *   universal: [ header | machine, offset, size … ]   ─► this machine's slice
 *   slice:     [ header | load commands: segments with sections, symbol table, UUID, function starts | contents ]
 *
 * The bytes are untrusted. Offsets are checked when they are used, so that a false one only ends a read.
 *
 * Memory:  one mapping for the load commands, until the file is closed.
 * Threads: any; a file that is open is only read.
 * errno:   preserved.
 */
#ifndef SP_MACHO_FILE_H
#define SP_MACHO_FILE_H

#include "file.h"
#include "spprof.h"

/* Layout as in the file. */
typedef struct sp_macho_section {
    char name[16], segment[16];
    uint64_t address, size;
    uint32_t offset, alignment, relocations, relocation_count, flags, reserved[3];
} sp_macho_section;

enum { SP_MACHO_SECTIONS_MAX = 255 };             /* a symbol names its section by one byte; 0: none */
enum { SP_MACHO_INSTRUCTIONS = (int)0x80000400 }; /* section flags: only, or some, instructions */
enum { SP_MACHO_WEAK = 0x80 };                    /* a symbol's description */
enum { SP_MACHO_DEBUG = 0xE0, SP_MACHO_PRIVATE = 0x10, SP_MACHO_EXTERNAL = 1 }; /* a symbol's type: flags */
enum { SP_MACHO_TYPE = 0x0E, SP_MACHO_IN_SECTION = 0x0E }; /* a symbol's type: a mask, and a value under it */

typedef struct sp_macho_symbol {
    uint32_t name; /* in the string table */
    uint8_t type, section;
    uint16_t description;
    uint64_t value;
} sp_macho_symbol;

_Static_assert(sizeof(sp_macho_section) == 80 && sizeof(sp_macho_symbol) == 16, "as in the file");

/* A part of the file; offsets are from the slice's first byte. */
typedef struct sp_macho_part {
    uint32_t offset, size;
} sp_macho_part;

typedef struct sp_macho_file {
    sp_file file;
    uint64_t slice; /* where it begins in the file */
    uint8_t *commands;
    uint32_t commands_size, command_count;
    uint32_t section_count;
    const sp_macho_section *sections[SP_MACHO_SECTIONS_MAX + 1]; /* by number, from 1 on; in `commands` */
    sp_macho_part symbols, strings, function_starts;             /* size 0: none */
    uint64_t text_address;                                       /* of the segment __TEXT */
    uint8_t uuid[16];
    bool has_uuid;
} sp_macho_file;

/* Open the file and read the load commands of this machine's slice. If `uuid` is not NULL and several slices are for
 * this machine, prefer the one with that UUID. SPPROF_SYMBOLS_FOUND: the caller must close it. Otherwise the reason why
 * it could not be read. */
spprof_symbols_status sp_macho_file_open(sp_macho_file *macho, const char *path, const uint8_t uuid[16]);

/* Return the section with this name (at most 16 bytes), or NULL. */
const sp_macho_section *sp_macho_file_find(const sp_macho_file *macho, const char *segment, const char *name);

/* Read bytes of the slice. Return false if there are fewer. */
bool sp_macho_file_read(const sp_macho_file *macho, uint64_t offset, void *out, size_t size);

/* Copy the name at `offset` in the string table, at most `capacity` bytes and without a terminator. Return its length;
 * 0 if it is empty, is outside the table, or does not end inside it. */
size_t sp_macho_file_read_name(const sp_macho_file *macho, uint32_t offset, char *out, size_t capacity);

void sp_macho_file_close(sp_macho_file *macho);

#endif
