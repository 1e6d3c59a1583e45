#include "macho_file.h"

#include "macho_machine.h"
#include "memory.h"

#include <errno.h>
#include <string.h>

#define MAGIC_UNIVERSAL 0xCAFEBABE    /* big-endian, with 32-bit offsets */
#define MAGIC_UNIVERSAL_64 0xCAFEBABF /* the same with 64-bit ones */
#define SLICES_MAX 64
#define COMMANDS_MAX (1 << 20) /* bytes; libraries have a few thousand */

/* ---- Load commands ---- */

static bool note_segment(sp_macho_file *macho, const sp_macho_command *command) {
    sp_macho_segment segment;
    if (!sp_macho_read_segment(command, &segment)) return false;
    if (strncmp(segment.name, "__TEXT", 16) == 0) macho->text_address = segment.address;
    if (strncmp(segment.name, "__LINKEDIT", 16) == 0)
        macho->linkedit_address = segment.address, macho->linkedit_offset = segment.offset;
    const sp_macho_section *sections = sp_macho_sections(command);
    for (uint32_t i = 0; i < segment.section_count && macho->section_count < SP_MACHO_SECTIONS_MAX; i++)
        macho->sections[++macho->section_count] = &sections[i];
    return true;
}

static bool note_symbols(sp_macho_file *macho, const sp_macho_command *command) {
    uint32_t words[4]; /* symbols: offset, count; strings: offset, size */
    if (!sp_macho_words(command, words, 4) || words[1] > UINT32_MAX / sizeof(sp_macho_symbol)) return false;
    macho->symbols = (sp_macho_part){words[0], words[1] * (uint32_t)sizeof(sp_macho_symbol)};
    macho->strings = (sp_macho_part){words[2], words[3]};
    return true;
}

static bool note_uuid(sp_macho_file *macho, const sp_macho_command *command) {
    if (command->size < 8 + sizeof macho->uuid) return false;
    memcpy(macho->uuid, command->bytes + 8, sizeof macho->uuid);
    return macho->has_uuid = true;
}

static bool note_command(sp_macho_file *macho, const sp_macho_command *command) {
    uint32_t words[2];
    switch (command->number) {
    case SP_MACHO_SEGMENT:
        return note_segment(macho, command);
    case SP_MACHO_SYMBOLS:
        return note_symbols(macho, command);
    case SP_MACHO_UUID:
        return note_uuid(macho, command);
    case SP_MACHO_FUNCTION_STARTS:
        if (!sp_macho_words(command, words, 2)) return false;
        macho->function_starts = (sp_macho_part){words[0], words[1]};
    }
    return true;
}

static bool note_commands(sp_macho_file *macho, uint32_t count) {
    sp_macho_commands left = {macho->commands, macho->commands_size, count};
    sp_macho_command command;
    while (sp_macho_next(&left, &command))
        if (!note_command(macho, &command)) return false;
    return left.count == 0;
}

/* The header and the commands. A loaded object begins with them. */
static bool read_head(const sp_macho_file *macho, uint64_t offset, void *out, size_t size) {
    return macho->header ? sp_memory_copy(out, macho->header + offset, size)
                         : sp_macho_file_read(macho, offset, out, size);
}

static spprof_symbols_status read_commands(sp_macho_file *macho, const sp_macho_header *header) {
    if (header->commands_size == 0 || header->commands_size > COMMANDS_MAX) return SPPROF_SYMBOLS_NOT_AN_ELF;
    macho->commands_size = header->commands_size;
    macho->commands = sp_memory_map(macho->commands_size);
    if (!macho->commands) return SPPROF_SYMBOLS_OUT_OF_MEMORY;
    bool read = read_head(macho, sizeof *header, macho->commands, macho->commands_size);
    return read && note_commands(macho, header->command_count) ? SPPROF_SYMBOLS_FOUND : SPPROF_SYMBOLS_NOT_AN_ELF;
}

static spprof_symbols_status read_object(sp_macho_file *macho) {
    sp_macho_header header;
    if (!read_head(macho, 0, &header, sizeof header)) return SPPROF_SYMBOLS_NOT_AN_ELF;
    if (header.magic != SP_MACHO_MAGIC_64 || header.machine != SP_MACHO_OWN_MACHINE) return SPPROF_SYMBOLS_NOT_AN_ELF;
    return read_commands(macho, &header);
}

spprof_symbols_status sp_macho_file_open_loaded(sp_macho_file *macho, const sp_object *object) {
    int saved_errno = errno;
    *macho = (sp_macho_file){.header = object->start, .base = object->base};
    spprof_symbols_status status = read_object(macho);
    if (status != SPPROF_SYMBOLS_FOUND) sp_macho_file_close(macho);
    errno = saved_errno;
    return status;
}

/* ---- Slices ---- */

static void forget_slice(sp_macho_file *macho) {
    sp_file file = macho->file;
    if (macho->commands) sp_memory_unmap(macho->commands, macho->commands_size);
    *macho = (sp_macho_file){.file = file};
}

static spprof_symbols_status open_slice(sp_macho_file *macho, uint64_t offset) {
    forget_slice(macho);
    macho->slice = offset;
    return read_object(macho);
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
    bool is_file = macho->header == 0;
    forget_slice(macho);
    if (is_file) sp_file_close(&macho->file);
}

/* ---- Contents ---- */

/* In the file that the system's libraries share, an offset is one in their common __LINKEDIT, or means nothing. It is
 * not compared with the segment's end: the kernel copies, so a false one only ends the read. */
static bool read_linkedit(const sp_macho_file *macho, uint64_t offset, void *out, size_t size) {
    return offset >= macho->linkedit_offset &&
           sp_memory_copy(out, macho->base + macho->linkedit_address + (offset - macho->linkedit_offset), size);
}

bool sp_macho_file_read(const sp_macho_file *macho, uint64_t offset, void *out, size_t size) {
    if (macho->header) return read_linkedit(macho, offset, out, size);
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
