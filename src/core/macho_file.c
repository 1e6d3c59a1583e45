#include "macho_file.h"

#include "macho_machine.h"
#include "memory.h"

#include <errno.h>
#include <string.h>

#define MAGIC_64 0xFEEDFACF
#define MAGIC_UNIVERSAL 0xCAFEBABE    /* big-endian, with 32-bit offsets */
#define MAGIC_UNIVERSAL_64 0xCAFEBABF /* the same with 64-bit ones */
#define SLICES_MAX 64
#define COMMANDS_MAX (1 << 20) /* bytes; libraries have a few thousand */

typedef struct macho_header {
    uint32_t magic, machine, submachine, type, command_count, commands_size, flags, reserved;
} macho_header;

typedef struct segment_command {
    uint32_t command, size;
    char name[16];
    uint64_t address, bytes, offset, file_bytes;
    uint32_t protections[2], section_count, flags;
} segment_command;

_Static_assert(sizeof(macho_header) == 32 && sizeof(segment_command) == 72, "as in the file");

enum { COMMAND_SYMBOLS = 0x2, COMMAND_SEGMENT = 0x19, COMMAND_UUID = 0x1B, COMMAND_FUNCTION_STARTS = 0x26 };

/* ---- Load commands ---- */

/* A command's words after its number and its size. Commands are padded to 8 bytes, and so is what holds them. */
static bool words_of(const uint8_t *command, uint32_t size, uint32_t *words, size_t count) {
    if (size < 8 + count * 4) return false;
    memcpy(words, command + 8, count * 4);
    return true;
}

static bool note_segment(sp_macho_file *macho, const uint8_t *command, uint32_t size) {
    segment_command segment;
    if (size < sizeof segment) return false;
    memcpy(&segment, command, sizeof segment);
    if (segment.section_count > (size - sizeof segment) / sizeof(sp_macho_section)) return false;
    if (strncmp(segment.name, "__TEXT", 16) == 0) macho->text_address = segment.address;
    const sp_macho_section *sections = (const sp_macho_section *)(const void *)(command + sizeof segment);
    for (uint32_t i = 0; i < segment.section_count && macho->section_count < SP_MACHO_SECTIONS_MAX; i++)
        macho->sections[++macho->section_count] = &sections[i];
    return true;
}

static bool note_symbols(sp_macho_file *macho, const uint8_t *command, uint32_t size) {
    uint32_t words[4]; /* symbols: offset, count; strings: offset, size */
    if (!words_of(command, size, words, 4) || words[1] > UINT32_MAX / sizeof(sp_macho_symbol)) return false;
    macho->symbols = (sp_macho_part){words[0], words[1] * (uint32_t)sizeof(sp_macho_symbol)};
    macho->strings = (sp_macho_part){words[2], words[3]};
    return true;
}

static bool note_uuid(sp_macho_file *macho, const uint8_t *command, uint32_t size) {
    if (size < 8 + sizeof macho->uuid) return false;
    memcpy(macho->uuid, command + 8, sizeof macho->uuid);
    return macho->has_uuid = true;
}

static bool note_command(sp_macho_file *macho, uint32_t number, const uint8_t *command, uint32_t size) {
    uint32_t words[2];
    switch (number) {
    case COMMAND_SEGMENT:
        return note_segment(macho, command, size);
    case COMMAND_SYMBOLS:
        return note_symbols(macho, command, size);
    case COMMAND_UUID:
        return note_uuid(macho, command, size);
    case COMMAND_FUNCTION_STARTS:
        if (!words_of(command, size, words, 2)) return false;
        macho->function_starts = (sp_macho_part){words[0], words[1]};
    }
    return true;
}

static bool note_commands(sp_macho_file *macho) {
    uint32_t at = 0;
    for (uint32_t i = 0; i < macho->command_count; i++) {
        uint32_t head[2]; /* number, size */
        if (macho->commands_size - at < sizeof head) return false;
        memcpy(head, macho->commands + at, sizeof head);
        if (head[1] < sizeof head || head[1] % 8 != 0 || head[1] > macho->commands_size - at) return false;
        if (!note_command(macho, head[0], macho->commands + at, head[1])) return false;
        at += head[1];
    }
    return true;
}

static spprof_symbols_status read_commands(sp_macho_file *macho, const macho_header *header) {
    if (header->commands_size == 0 || header->commands_size > COMMANDS_MAX) return SPPROF_SYMBOLS_NOT_AN_ELF;
    macho->commands_size = header->commands_size;
    macho->command_count = header->command_count;
    macho->commands = sp_memory_map(macho->commands_size);
    if (!macho->commands) return SPPROF_SYMBOLS_OUT_OF_MEMORY;
    bool read = sp_macho_file_read(macho, sizeof *header, macho->commands, macho->commands_size);
    return read && note_commands(macho) ? SPPROF_SYMBOLS_FOUND : SPPROF_SYMBOLS_NOT_AN_ELF;
}

/* ---- Slices ---- */

static void forget_slice(sp_macho_file *macho) {
    sp_file file = macho->file;
    if (macho->commands) sp_memory_unmap(macho->commands, macho->commands_size);
    *macho = (sp_macho_file){.file = file};
}

static spprof_symbols_status open_slice(sp_macho_file *macho, uint64_t offset) {
    macho_header header;
    forget_slice(macho);
    macho->slice = offset;
    if (!sp_macho_file_read(macho, 0, &header, sizeof header)) return SPPROF_SYMBOLS_NOT_AN_ELF;
    if (header.magic != MAGIC_64 || header.machine != SP_MACHO_OWN_MACHINE) return SPPROF_SYMBOLS_NOT_AN_ELF;
    return read_commands(macho, &header);
}

static uint32_t big_endian(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Fill in where this machine's slices begin. Return how many there are; a plain object counts as one slice. */
static size_t find_slices(const sp_file *file, uint64_t *offsets) {
    uint8_t head[8], entry[32];
    if (!sp_file_read(file, 0, head, sizeof head)) return 0;
    uint32_t magic = big_endian(head), count = big_endian(head + 4);
    if (magic != MAGIC_UNIVERSAL && magic != MAGIC_UNIVERSAL_64) {
        offsets[0] = 0;
        return 1;
    }
    size_t size = magic == MAGIC_UNIVERSAL ? 20 : 32, found = 0; /* machine, submachine, offset, size … */
    for (uint32_t i = 0; i < count && i < SLICES_MAX; i++) {
        if (!sp_file_read(file, sizeof head + i * size, entry, size)) break;
        uint64_t high = size == 20 ? 0 : (uint64_t)big_endian(entry + 8) << 32;
        if (big_endian(entry) == SP_MACHO_OWN_MACHINE)
            offsets[found++] = high | big_endian(entry + (size == 20 ? 8 : 12));
    }
    return found;
}

static spprof_symbols_status open_best_slice(sp_macho_file *macho, const uint8_t *uuid) {
    uint64_t offsets[SLICES_MAX];
    size_t count = find_slices(&macho->file, offsets);
    for (size_t i = 0; uuid && i < count; i++) {
        spprof_symbols_status status = open_slice(macho, offsets[i]);
        if (status == SPPROF_SYMBOLS_FOUND && macho->has_uuid && memcmp(macho->uuid, uuid, sizeof macho->uuid) == 0)
            return status;
    }
    return count > 0 ? open_slice(macho, offsets[0]) : SPPROF_SYMBOLS_NOT_AN_ELF;
}

spprof_symbols_status sp_macho_file_open(sp_macho_file *macho, const char *path, const uint8_t uuid[16]) {
    int saved_errno = errno;
    *macho = (sp_macho_file){.commands = NULL};
    if (!sp_file_open(&macho->file, path)) return SPPROF_SYMBOLS_NO_FILE;
    spprof_symbols_status status = open_best_slice(macho, uuid);
    if (status != SPPROF_SYMBOLS_FOUND) sp_macho_file_close(macho);
    errno = saved_errno;
    return status;
}

void sp_macho_file_close(sp_macho_file *macho) {
    forget_slice(macho);
    sp_file_close(&macho->file);
}

/* ---- Contents ---- */

bool sp_macho_file_read(const sp_macho_file *macho, uint64_t offset, void *out, size_t size) {
    return macho->slice <= UINT64_MAX - offset && sp_file_read(&macho->file, macho->slice + offset, out, size);
}

const sp_macho_section *sp_macho_file_find(const sp_macho_file *macho, const char *segment, const char *name) {
    for (uint32_t i = 1; i <= macho->section_count; i++) {
        const sp_macho_section *section = macho->sections[i];
        if (strncmp(section->segment, segment, 16) == 0 && strncmp(section->name, name, 16) == 0) return section;
    }
    return NULL;
}

/* Most names are shorter, so the rest of the page need not be copied. */
#define USUAL_LENGTH 128

size_t sp_macho_file_read_name(const sp_macho_file *macho, uint32_t offset, char *out, size_t capacity) {
    if (offset >= macho->strings.size) return 0;
    uint32_t left = macho->strings.size - offset;
    size_t most = left < capacity ? left : capacity, length = most < USUAL_LENGTH ? most : USUAL_LENGTH;
    for (;; length = most) {
        if (!sp_macho_file_read(macho, (uint64_t)macho->strings.offset + offset, out, length)) return 0;
        const char *end = memchr(out, 0, length);
        if (end) return (size_t)(end - out);
        if (length == most) return most == capacity ? capacity : 0;
    }
}
