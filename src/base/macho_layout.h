/* macho_layout.h: how a Mach-O object begins, in its file and in memory.
 *
 *   [ header | command: number, size, … | command … ]       a segment's command also contains its sections
 *
 * The needed part of the format is defined here, because it is a property of the file, not of the system that reads it.
 *
 * Memory:  reads only the commands that it is given. Threads, signals: any.
 */
#ifndef SP_MACHO_LAYOUT_H
#define SP_MACHO_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define SP_MACHO_MAGIC_64 0xFEEDFACF

typedef struct sp_macho_header {
    uint32_t magic, machine, submachine, type, command_count, commands_size, flags, reserved;
} sp_macho_header;

typedef struct sp_macho_segment {
    uint32_t command, size;
    char name[16];
    uint64_t address, bytes, offset, file_bytes;
    uint32_t protections[2], section_count, flags;
} sp_macho_segment;

typedef struct sp_macho_section {
    char name[16], segment[16];
    uint64_t address, size;
    uint32_t offset, alignment, relocations, relocation_count, flags, reserved[3];
} sp_macho_section;

enum { SP_MACHO_SYMBOLS = 0x2, SP_MACHO_SEGMENT = 0x19, SP_MACHO_UUID = 0x1B, SP_MACHO_FUNCTION_STARTS = 0x26 };
enum { SP_MACHO_UUID_BYTES = 16 };
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

_Static_assert(sizeof(sp_macho_header) == 32 && sizeof(sp_macho_segment) == 72, "as in the file");
_Static_assert(sizeof(sp_macho_section) == 80 && sizeof(sp_macho_symbol) == 16, "as in the file");

/* ---- Commands ---- */

typedef struct sp_macho_commands {
    const uint8_t *at;
    uint32_t bytes, count; /* left */
} sp_macho_commands;

typedef struct sp_macho_command {
    uint32_t number, size;
    const uint8_t *bytes; /* from its number on */
} sp_macho_command;

/* Read the next command. Return false at the end, where `count` is 0, or at one that does not fit. */
static inline bool sp_macho_next(sp_macho_commands *commands, sp_macho_command *next) {
    uint32_t head[2]; /* number, size */
    if (commands->count == 0 || commands->bytes < sizeof head) return false;
    memcpy(head, commands->at, sizeof head);
    if (head[1] < sizeof head || head[1] % 8 != 0 || head[1] > commands->bytes) return false;
    *next = (sp_macho_command){.number = head[0], .size = head[1], .bytes = commands->at};
    commands->at += head[1];
    commands->bytes -= head[1];
    commands->count--;
    return true;
}

/* Copy the words after a command's number and size. Return false if there are fewer than `count`. */
static inline bool sp_macho_words(const sp_macho_command *command, uint32_t *words, uint32_t count) {
    if (command->size < 8 + count * sizeof *words) return false;
    memcpy(words, command->bytes + 8, count * sizeof *words);
    return true;
}

/* Copy a segment's command. Return false if its sections do not fit. They follow it, see sp_macho_sections. */
static inline bool sp_macho_read_segment(const sp_macho_command *command, sp_macho_segment *segment) {
    if (command->size < sizeof *segment) return false;
    memcpy(segment, command->bytes, sizeof *segment);
    return segment->section_count <= (command->size - sizeof *segment) / sizeof(sp_macho_section);
}

/* Commands are padded to 8 bytes, and so is what holds them. */
static inline const sp_macho_section *sp_macho_sections(const sp_macho_command *command) {
    return (const sp_macho_section *)(const void *)(command->bytes + sizeof(sp_macho_segment));
}

#endif
