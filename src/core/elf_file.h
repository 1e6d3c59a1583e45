/* elf_file.h: the sections of an ELF object's file.
 *
 *   [ header ]─┐      section: [ name | type | address | offset | size | link ]
 *   [ … ]      └─►    .symtab ──link──► .strtab
 *   [ section headers ]  .note.gnu.build-id   .debug_line   …
 *
 * The needed part of the format is defined here, because it is a property of the file, not of the system that reads it.
 * Whatever the bytes contain, reading stays inside the file and ends.
 *
 * Memory:  one mapping for the section headers, from open to close.
 * Threads: use a file from one thread at a time. errno is preserved.
 */
#ifndef SP_ELF_FILE_H
#define SP_ELF_FILE_H

#include "file.h"
#include "spprof.h"

/* Layout as in the file. */
typedef struct sp_elf_section {
    uint32_t name, type;
    uint64_t flags, address, offset, size;
    uint32_t link, info;
    uint64_t alignment, entry_size;
} sp_elf_section;

enum { SP_ELF_SYMTAB = 2, SP_ELF_STRTAB = 3, SP_ELF_NOTE = 7, SP_ELF_DYNSYM = 11 }; /* section types */
enum { SP_ELF_ALLOCATED = 2, SP_ELF_EXECUTABLE = 4 };                               /* section flags */
enum { SP_ELF_NOTYPE = 0, SP_ELF_FUNCTION = 2, SP_ELF_INDIRECT_FUNCTION = 10 };     /* symbol types */
enum { SP_ELF_LOCAL = 0, SP_ELF_GLOBAL = 1, SP_ELF_WEAK = 2, SP_ELF_UNIQUE = 10 };  /* symbol bindings */

typedef struct sp_elf_symbol {
    uint32_t name; /* in the string table that the symbols' section links to */
    uint8_t info;  /* binding and type, four bits each */
    uint8_t other;
    uint16_t section;
    uint64_t value, size;
} sp_elf_symbol;

_Static_assert(sizeof(sp_elf_section) == 64 && sizeof(sp_elf_symbol) == 24, "as in the file");

typedef struct sp_elf_file {
    sp_file file;
    sp_elf_section *sections; /* section 0 means no section */
    uint32_t section_count, section_names;
} sp_elf_file;

/* Open the file and read its sections. Return SPPROF_SYMBOLS_FOUND, after which the caller must close the file, or
 * the reason why it could not be read. */
spprof_symbols_status sp_elf_file_open(sp_elf_file *elf, const char *path);

/* Return the section with this number, or the first one with this type or name; NULL if there is none. */
const sp_elf_section *sp_elf_file_section(const sp_elf_file *elf, uint32_t number);
const sp_elf_section *sp_elf_file_find_type(const sp_elf_file *elf, uint32_t type);
const sp_elf_section *sp_elf_file_find_name(const sp_elf_file *elf, const char *name);

/* Copy the string at `offset` in a string table, at most `capacity` bytes and without a terminator. Return its
 * length; 0 if it is empty, is outside the table, or does not end inside it. */
size_t sp_elf_file_read_string(const sp_elf_file *elf, const sp_elf_section *strings, uint64_t offset, char *out,
                               size_t capacity);

/* Return whether a note in the file contains exactly this build id. */
bool sp_elf_file_has_build_id(const sp_elf_file *elf, const uint8_t *build_id, uint32_t length);

void sp_elf_file_close(sp_elf_file *elf);

#endif
