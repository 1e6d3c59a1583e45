#include "macho_image.h"

#include "macho_layout.h"

static bool is_named(const char name[16], const char *wanted) {
    return strncmp(name, wanted, 16) == 0;
}

static sp_macho_commands commands_at(const uint8_t *header) {
    sp_macho_header head;
    memcpy(&head, header, sizeof head);
    if (head.magic != SP_MACHO_MAGIC_64) head.command_count = 0;
    return (sp_macho_commands){header + sizeof head, head.commands_size, head.command_count};
}

static bool find_command(const uint8_t *header, uint32_t number, sp_macho_command *found) {
    sp_macho_commands commands = commands_at(header);
    while (sp_macho_next(&commands, found))
        if (found->number == number) return true;
    return false;
}

static bool find_segment(const uint8_t *header, const char *name, sp_macho_command *command, sp_macho_segment *found) {
    sp_macho_commands commands = commands_at(header);
    while (sp_macho_next(&commands, command))
        if (command->number == SP_MACHO_SEGMENT && sp_macho_read_segment(command, found) && is_named(found->name, name))
            return true;
    return false;
}

/* Leave *start NULL if the section is not inside the object. */
static void find_section(const sp_object *object, const sp_macho_command *segment, uint32_t count, const char *name,
                         const uint8_t **start, const uint8_t **end) {
    const sp_macho_section *sections = sp_macho_sections(segment);
    for (uint32_t i = 0; i < count; i++) {
        uintptr_t at = object->base + sections[i].address;
        bool inside = at >= object->start && at < object->end && sections[i].size <= object->end - at;
        if (!inside || sections[i].size == 0 || !is_named(sections[i].name, name)) continue;
        *start = (const uint8_t *)at;
        *end = *start + sections[i].size;
    }
}

bool sp_macho_image_read(const uint8_t *header, sp_object *object) {
    sp_macho_command command;
    sp_macho_segment text;
    if (!find_segment(header, "__TEXT", &command, &text)) return false;
    uintptr_t start = (uintptr_t)header;
    bool contains_commands = text.bytes >= (uint64_t)(command.bytes - header) + command.size;
    if (!contains_commands || text.bytes > UINTPTR_MAX - start) return false;
    *object = (sp_object){.start = start, .end = start + text.bytes, .base = start - text.address, .path = ""};
    find_section(object, &command, text.section_count, "__unwind_info", &object->compact, &object->compact_end);
    find_section(object, &command, text.section_count, "__eh_frame", &object->eh_start, &object->eh_end);
    return true;
}

size_t sp_macho_image_read_uuid(const sp_object *object, uint8_t *uuid) {
    sp_macho_command command;
    if (!find_command((const uint8_t *)object->start, SP_MACHO_UUID, &command)) return 0;
    if (command.size < 8 + SP_MACHO_UUID_BYTES) return 0;
    memcpy(uuid, command.bytes + 8, SP_MACHO_UUID_BYTES);
    return SP_MACHO_UUID_BYTES;
}

bool sp_macho_image_find_starts(const sp_object *object, const uint8_t **starts, const uint8_t **end) {
    const uint8_t *header = (const uint8_t *)object->start;
    sp_macho_command command, segment;
    sp_macho_segment linkedit;
    uint32_t words[2]; /* offset in the file, size */
    if (!find_command(header, SP_MACHO_FUNCTION_STARTS, &command) || !sp_macho_words(&command, words, 2)) return false;
    if (!find_segment(header, "__LINKEDIT", &segment, &linkedit)) return false;
    bool inside = words[0] >= linkedit.offset && words[0] - linkedit.offset <= linkedit.bytes &&
                  words[1] <= linkedit.bytes - (words[0] - linkedit.offset);
    if (!inside || words[1] == 0) return false;
    *starts = (const uint8_t *)(object->base + linkedit.address + (words[0] - linkedit.offset));
    *end = *starts + words[1];
    return true;
}
