/* loaded_macho.h: a Mach-O object in memory, as a library of the system is: its segments are far apart, and its offsets
 * are those of a larger file.
 *
 *   __TEXT:      [ header, commands │ CODE_AT │ UNWIND_AT: __unwind_info │ EH_AT: __eh_frame │ TEXT_SIZE
 *   __LINKEDIT:  [ LINKEDIT_AT: SYMBOLS_MAX symbols │ STRINGS_AT │ STARTS_AT: function starts ]
 *
 * The parts are zeroed; tests fill them in.
 */
#ifndef LOADED_MACHO_H
#define LOADED_MACHO_H

#include "macho_layout.h"
#include "macho_machine.h"
#include "support.h"

#include <sys/mman.h>

enum { CODE_AT = 0x1000, UNWIND_AT = 0x2000, EH_AT = 0x3000, TEXT_SIZE = 0x4000 };
enum { LINKEDIT_AT = 0x10000, STRINGS_AT = LINKEDIT_AT + 0x400, STARTS_AT = LINKEDIT_AT + 0x800 };
enum { PART_SIZE = 0x400, SYMBOLS_MAX = 8, LOADED_SIZE = 0x11000 };
#define TEXT_ADDRESS UINT64_C(0x180000000)
#define LINKEDIT_FILE_OFFSET UINT32_C(0x30000000)

static inline uint8_t *put_loaded(uint8_t *at, const void *bytes, size_t size) {
    return (uint8_t *)memcpy(at, bytes, size) + size;
}

static inline sp_macho_section loaded_section(const char *name, uint64_t at, uint32_t flags) {
    sp_macho_section section = {.segment = "__TEXT", .address = TEXT_ADDRESS + at, .size = 0x1000, .flags = flags};
    strncpy(section.name, name, sizeof section.name);
    return section;
}

static inline uint8_t *load_macho(uint8_t first_of_uuid) {
    uint8_t *loaded = mmap(NULL, LOADED_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(loaded != MAP_FAILED);
    const sp_macho_section sections[] = {loaded_section("__text", CODE_AT, (uint32_t)SP_MACHO_INSTRUCTIONS),
                                         loaded_section("__unwind_info", UNWIND_AT, 0),
                                         loaded_section("__eh_frame", EH_AT, 0)};
    const sp_macho_segment text = {.command = SP_MACHO_SEGMENT,
                                   .size = sizeof text + sizeof sections,
                                   .name = "__TEXT",
                                   .address = TEXT_ADDRESS,
                                   .bytes = TEXT_SIZE,
                                   .section_count = 3};
    const sp_macho_segment linkedit = {.command = SP_MACHO_SEGMENT,
                                       .size = sizeof linkedit,
                                       .name = "__LINKEDIT",
                                       .address = TEXT_ADDRESS + LINKEDIT_AT,
                                       .bytes = 0x1000,
                                       .offset = LINKEDIT_FILE_OFFSET};
    const uint32_t symbols[] = {
        SP_MACHO_SYMBOLS, 24, LINKEDIT_FILE_OFFSET, SYMBOLS_MAX, LINKEDIT_FILE_OFFSET + STRINGS_AT - LINKEDIT_AT,
        PART_SIZE};
    const uint32_t starts[] = {SP_MACHO_FUNCTION_STARTS, 16, LINKEDIT_FILE_OFFSET + STARTS_AT - LINKEDIT_AT, PART_SIZE};
    const uint32_t uuid[6] = {SP_MACHO_UUID, 24, first_of_uuid, 2, 3, 4};
    uint8_t *end = loaded + sizeof(sp_macho_header);
    end = put_loaded(end, &text, sizeof text);
    end = put_loaded(end, sections, sizeof sections);
    end = put_loaded(end, &linkedit, sizeof linkedit);
    end = put_loaded(end, symbols, sizeof symbols);
    end = put_loaded(end, starts, sizeof starts);
    end = put_loaded(end, uuid, sizeof uuid);
    const sp_macho_header header = {.magic = SP_MACHO_MAGIC_64,
                                    .machine = SP_MACHO_OWN_MACHINE,
                                    .command_count = 5,
                                    .commands_size = (uint32_t)(end - loaded - sizeof header)};
    memcpy(loaded, &header, sizeof header);
    return loaded;
}

#endif
