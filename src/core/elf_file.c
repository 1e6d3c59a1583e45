#include "elf_file.h"

#include "elf_machine.h"
#include "memory.h"

#include <errno.h>
#include <string.h>

typedef struct elf_header {
    uint8_t identification[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, segments, sections;
    uint32_t flags;
    uint16_t header_size, segment_size, segment_count, section_size, section_count, section_names;
} elf_header;

_Static_assert(sizeof(elf_header) == 64, "as in the file");

/* ---- Opening ---- */

static bool is_for_this_machine(const elf_header *header) {
    static const uint8_t magic_64_little_endian[] = {0x7F, 'E', 'L', 'F', 2, 1};
    return memcmp(header->identification, magic_64_little_endian, sizeof magic_64_little_endian) == 0 &&
           header->machine == SP_ELF_OWN_MACHINE;
}

static size_t sections_bytes(const sp_elf_file *elf) {
    return (size_t)elf->section_count * sizeof(sp_elf_section);
}

static spprof_symbols_status read_sections(sp_elf_file *elf, const elf_header *header) {
    elf->section_count = header->section_count;
    elf->section_names = header->section_names;
    if (elf->section_count == 0) return SPPROF_SYMBOLS_FOUND; /* no section headers: a stripped file can still run */
    if (header->section_size != sizeof(sp_elf_section)) return SPPROF_SYMBOLS_NOT_AN_ELF;
    elf->sections = sp_memory_map(sections_bytes(elf));
    if (!elf->sections) return SPPROF_SYMBOLS_OUT_OF_MEMORY;
    bool read = sp_file_read(&elf->file, header->sections, elf->sections, sections_bytes(elf));
    return read ? SPPROF_SYMBOLS_FOUND : SPPROF_SYMBOLS_NOT_AN_ELF;
}

spprof_symbols_status sp_elf_file_open(sp_elf_file *elf, const char *path) {
    int saved_errno = errno;
    elf_header header;
    *elf = (sp_elf_file){.sections = NULL};
    if (!sp_file_open(&elf->file, path)) return SPPROF_SYMBOLS_NO_FILE;
    spprof_symbols_status status = SPPROF_SYMBOLS_NOT_AN_ELF;
    if (sp_file_read(&elf->file, 0, &header, sizeof header) && is_for_this_machine(&header))
        status = read_sections(elf, &header);
    if (status != SPPROF_SYMBOLS_FOUND) sp_elf_file_close(elf);
    errno = saved_errno;
    return status;
}

void sp_elf_file_close(sp_elf_file *elf) {
    if (elf->sections) sp_memory_unmap(elf->sections, sections_bytes(elf));
    elf->sections = NULL;
    sp_file_close(&elf->file);
}

/* ---- Sections ---- */

const sp_elf_section *sp_elf_file_section(const sp_elf_file *elf, uint32_t number) {
    return number > 0 && number < elf->section_count ? &elf->sections[number] : NULL;
}

const sp_elf_section *sp_elf_file_find_type(const sp_elf_file *elf, uint32_t type) {
    for (uint32_t i = 1; i < elf->section_count; i++)
        if (elf->sections[i].type == type) return &elf->sections[i];
    return NULL;
}

#define SECTION_NAME_MAX 32

const sp_elf_section *sp_elf_file_find_name(const sp_elf_file *elf, const char *name) {
    const sp_elf_section *names = sp_elf_file_section(elf, elf->section_names);
    char found[SECTION_NAME_MAX];
    for (uint32_t i = 1; names && i < elf->section_count; i++) {
        size_t length = sp_elf_file_read_string(elf, names, elf->sections[i].name, found, sizeof found);
        if (length == strlen(name) && memcmp(found, name, length) == 0) return &elf->sections[i];
    }
    return NULL;
}

/* ---- Strings ---- */

/* Most names are shorter, so the rest of the page need not be copied. */
#define USUAL_LENGTH 128

size_t sp_elf_file_read_string(const sp_elf_file *elf, const sp_elf_section *strings, uint64_t offset, char *out,
                               size_t capacity) {
    if (strings->type != SP_ELF_STRTAB || offset >= strings->size || strings->offset > UINT64_MAX - offset) return 0;
    uint64_t left = strings->size - offset;
    size_t most = left < capacity ? (size_t)left : capacity, length = most < USUAL_LENGTH ? most : USUAL_LENGTH;
    for (;; length = most) {
        if (!sp_file_read(&elf->file, strings->offset + offset, out, length)) return 0;
        const char *end = memchr(out, 0, length);
        if (end) return (size_t)(end - out);
        if (length == most) return most == capacity ? capacity : 0;
    }
}

/* ---- Build id ---- */

#define NOTES_MAX 4096 /* a section of build notes is only a few dozen bytes long */
#define NOTE_BUILD_ID 3

/* [ name length | contents length | type | name | contents ], each part padded to four bytes. */
static bool notes_hold(const uint8_t *notes, size_t size, const uint8_t *build_id, uint32_t length) {
    while (size >= 12) {
        uint32_t head[3];
        memcpy(head, notes, sizeof head);
        uint64_t contents = 12 + (((uint64_t)head[0] + 3) & ~UINT64_C(3));
        uint64_t next = contents + (((uint64_t)head[1] + 3) & ~UINT64_C(3));
        if (contents + head[1] > size) return false;
        if (head[2] == NOTE_BUILD_ID && head[0] == 4 && memcmp(notes + 12, "GNU", 4) == 0 && head[1] == length &&
            memcmp(notes + contents, build_id, length) == 0)
            return true;
        if (next >= size) return false;
        notes += next, size -= next;
    }
    return false;
}

bool sp_elf_file_has_build_id(const sp_elf_file *elf, const uint8_t *build_id, uint32_t length) {
    uint8_t notes[NOTES_MAX];
    for (uint32_t i = 1; i < elf->section_count; i++) {
        const sp_elf_section *section = &elf->sections[i];
        if (section->type != SP_ELF_NOTE || section->size > sizeof notes) continue;
        if (!sp_file_read(&elf->file, section->offset, notes, (size_t)section->size)) continue;
        if (notes_hold(notes, (size_t)section->size, build_id, length)) return true;
    }
    return false;
}
