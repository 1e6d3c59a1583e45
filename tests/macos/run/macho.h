/* macho.h: the parts of the Mach-O format that the loader reads, as Apple documents them. */
#ifndef MACHO_H
#define MACHO_H

#include <stdint.h>

#define MACHO_MAGIC_64 0xFEEDFACFu
#define MACHO_X86_64 0x01000007u

enum { MACHO_EXECUTABLE = 2, MACHO_DYLIB = 6, MACHO_BUNDLE = 8 };

typedef struct macho_header {
    uint32_t magic, machine, variant, file_type, command_count, command_bytes, flags, reserved;
} macho_header;

enum {
    MACHO_SYMTAB = 0x2,
    MACHO_LOAD_DYLIB = 0xC,
    MACHO_ID_DYLIB = 0xD,
    MACHO_SEGMENT_64 = 0x19,
    MACHO_LOAD_WEAK_DYLIB = 0x80000018u,
    MACHO_REEXPORT_DYLIB = 0x8000001Fu,
    MACHO_RPATH = 0x8000001Cu,
    MACHO_DYLD_INFO = 0x22,
    MACHO_DYLD_INFO_ONLY = 0x80000022u,
    MACHO_MAIN = 0x80000028u,
    MACHO_CHAINED_FIXUPS = 0x80000034u
};

typedef struct macho_command {
    uint32_t command, bytes;
} macho_command;

typedef struct macho_segment {
    macho_command head;
    char name[16];
    uint64_t address, size, file_offset, file_size;
    int32_t most_access, first_access;
    uint32_t section_count, flags;
} macho_segment;

typedef struct macho_section {
    char name[16], segment[16];
    uint64_t address, size;
    uint32_t file_offset, alignment, relocation_offset, relocation_count, flags, reserved[3];
} macho_section;

/* Types of sections: the low byte of their flags. */
enum {
    MACHO_LAZY_POINTERS = 0x7,
    MACHO_INITIALIZERS = 0x9,
    MACHO_THREAD_VARIABLES = 0x13,
    MACHO_INITIALIZER_OFFSETS = 0x16
};

typedef struct macho_dylib_command {
    macho_command head;
    uint32_t name_offset, timestamp, version, compatible_version;
} macho_dylib_command;

typedef struct macho_rpath_command {
    macho_command head;
    uint32_t path_offset;
} macho_rpath_command;

typedef struct macho_symtab_command {
    macho_command head;
    uint32_t symbols_offset, symbol_count, strings_offset, strings_bytes;
} macho_symtab_command;

typedef struct macho_symbol {
    uint32_t name;
    uint8_t type, section;
    uint16_t description;
    uint64_t value;
} macho_symbol;

#define MACHO_SYMBOL_IS_DEBUG 0xE0u
#define MACHO_SYMBOL_TYPE 0x0Eu
#define MACHO_SYMBOL_IN_SECTION 0x0Eu
#define MACHO_SYMBOL_EXTERNAL 0x01u

/* Each table is a program of opcodes. */
typedef struct macho_dyld_info_command {
    macho_command head;
    uint32_t rebase_offset, rebase_bytes, bind_offset, bind_bytes, weak_bind_offset, weak_bind_bytes;
    uint32_t lazy_bind_offset, lazy_bind_bytes, export_offset, export_bytes;
} macho_dyld_info_command;

typedef struct macho_main_command {
    macho_command head;
    uint64_t entry_offset, stack_bytes;
} macho_main_command;

#endif
