/* macho_file.h: reads a Mach-O object's file: sections, symbols, UUID. Or those of a loaded object, in memory.
 *
 *   universal: [ header | machine, offset, size … ]   ─► this machine's slice
 *   slice:     [ header | load commands: segments with sections, symbol table, UUID, function starts | contents ]
 *
 *   in memory: [ header | load commands ] … [ __LINKEDIT: symbols, strings, function starts ]
 *
 * The bytes are untrusted. Offsets are checked when they are used, so that a false one only ends a read.
 *
 * Memory:  one mapping for the load commands, until the file is closed.
 * Threads: any; a file that is open is only read. A loaded object is copied by the kernel, so it may be unloaded.
 * errno:   preserved.
 */
#ifndef SP_MACHO_FILE_H
#define SP_MACHO_FILE_H

#include "file.h"
#include "macho_layout.h"
#include "objects.h"
#include "spprof.h"

enum { SP_MACHO_SECTIONS_MAX = 255 }; /* a symbol names its section by one byte; 0: none */

/* A part of the file; offsets are from the slice's first byte. */
typedef struct sp_macho_part {
    uint32_t offset, size;
} sp_macho_part;

typedef struct sp_macho_file {
    sp_file file;
    uint64_t slice;   /* where it begins in the file */
    uintptr_t header; /* of a loaded object; 0: it is a file */
    uintptr_t base;   /* of a loaded object: added to addresses */
    uint8_t *commands;
    uint32_t commands_size, section_count;
    const sp_macho_section *sections[SP_MACHO_SECTIONS_MAX + 1]; /* by number, from 1 on; in `commands` */
    sp_macho_part symbols, strings, function_starts;             /* size 0: none */
    uint64_t text_address;                                       /* of the segment __TEXT */
    uint64_t linkedit_address, linkedit_offset;                  /* of the segment __LINKEDIT; its offset in the file */
    uint8_t uuid[16];
    bool has_uuid;
} sp_macho_file;

/* Open the file and read the load commands of this machine's slice. If `uuid` is not NULL and several slices are for
 * this machine, prefer the one with that UUID. SPPROF_SYMBOLS_FOUND: the caller must close it. Otherwise the reason why
 * it could not be read. */
spprof_symbols_status sp_macho_file_open(sp_macho_file *macho, const char *path, const uint8_t uuid[16]);

/* Like sp_macho_file_open(), but for an object that is loaded. */
spprof_symbols_status sp_macho_file_open_loaded(sp_macho_file *macho, const sp_object *object);

/* Return the section with this name (at most 16 bytes), or NULL. */
const sp_macho_section *sp_macho_file_find(const sp_macho_file *macho, const char *segment, const char *name);

/* Read bytes of the slice, or of a loaded object's __LINKEDIT. Return false if there are fewer. */
bool sp_macho_file_read(const sp_macho_file *macho, uint64_t offset, void *out, size_t size);

/* Copy the name at `offset` in the string table, at most `capacity` bytes and without a terminator. Return its length;
 * 0 if it is empty, is outside the table, or does not end inside it. */
size_t sp_macho_file_read_name(const sp_macho_file *macho, uint32_t offset, char *out, size_t capacity);

void sp_macho_file_close(sp_macho_file *macho);

#endif
