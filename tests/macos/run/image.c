#include "image.h"

#include "dyld.h"
#include "imports.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static image *images[IMAGES_MAX + 1];
static size_t count;

#define FAIL(...) (fprintf(stderr, "run_macho: " __VA_ARGS__), fprintf(stderr, "\n"), exit(125))

/* ---- Load commands ---- */

/* Return the command after `before`, or the first one; NULL past the last. */
static const macho_command *next_command(const macho_header *header, const macho_command *before) {
    const uint8_t *first = (const uint8_t *)(header + 1), *end = first + header->command_bytes;
    const uint8_t *next = before ? (const uint8_t *)before + before->bytes : first;
    return next < end ? (const macho_command *)next : NULL;
}

static const void *find_command(const macho_header *header, uint32_t kind) {
    const macho_command *one = NULL;
    while ((one = next_command(header, one)) && one->command != kind) {
    }
    return one;
}

static const macho_segment *next_segment(const macho_header *header, const macho_segment *before) {
    const macho_command *one = before ? &before->head : NULL;
    while ((one = next_command(header, one)) && one->command != MACHO_SEGMENT_64) {
    }
    return (const macho_segment *)one;
}

const macho_segment *image_segment(const image *one, const char *name) {
    const macho_segment *segment = NULL;
    while ((segment = next_segment(one->header, segment)) && strncmp(segment->name, name, 16) != 0) {
    }
    return segment;
}

const macho_section *image_section(const image *one, const char *segment_name, const char *name) {
    const macho_segment *segment = image_segment(one, segment_name);
    const macho_section *sections = (const macho_section *)(segment + 1);
    for (uint32_t i = 0; segment && i < segment->section_count; i++)
        if (strncmp(sections[i].name, name, 16) == 0) return &sections[i];
    return NULL;
}

/* ---- Files ---- */

static void read_file(image *one) {
    int file = open(one->path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (file < 0 || fstat(file, &status) != 0) FAIL("cannot read %s", one->path);
    one->file_bytes = (size_t)status.st_size;
    one->file = mmap(NULL, one->file_bytes, PROT_READ, MAP_PRIVATE, file, 0);
    if (one->file == MAP_FAILED) FAIL("cannot map %s", one->path);
    close(file);
    const macho_header *header = (const macho_header *)one->file;
    if (header->magic != MACHO_MAGIC_64 || header->machine != MACHO_X86_64) FAIL("not for x86-64 macOS: %s", one->path);
}

static bool is_unmapped(const macho_segment *segment) {
    return strcmp(segment->name, "__PAGEZERO") == 0;
}

#define PAGE UINT64_C(4096)

/* Reserve room for all segments, then copy each one there: the file's offsets need not be whole pages for Linux. */
static void map_segments(image *one) {
    const macho_header *header = (const macho_header *)one->file;
    uint64_t lowest = UINT64_MAX, highest = 0;
    const macho_segment *segment = NULL;
    while ((segment = next_segment(header, segment))) {
        if (is_unmapped(segment)) continue;
        if (segment->address < lowest) lowest = segment->address;
        if (segment->address + segment->size > highest) highest = segment->address + segment->size;
    }
    size_t size = (highest - lowest + PAGE - 1) / PAGE * PAGE;
    uint8_t *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) FAIL("no memory for %s", one->path);
    one->start = (uintptr_t)at;
    one->end = one->start + size;
    one->slide = (intptr_t)(one->start - lowest);
    while ((segment = next_segment(header, segment)))
        if (!is_unmapped(segment))
            memcpy((uint8_t *)segment->address + one->slide, one->file + segment->file_offset, segment->file_size);
    one->header =
        (const macho_header *)((uint8_t *)image_segment(&(image){.header = header}, "__TEXT")->address + one->slide);
}

/* Constants stay writable: dyld protects them after it has bound them, and nothing here depends on it. */
static void protect_segments(const image *one) {
    const macho_segment *segment = NULL;
    while ((segment = next_segment(one->header, segment))) {
        if (is_unmapped(segment) || segment->size == 0) continue;
        int access = segment->first_access; /* the same bits as Linux's: read 1, write 2, execute 4 */
        size_t size = (segment->size + PAGE - 1) / PAGE * PAGE;
        if (mprotect((uint8_t *)segment->address + one->slide, size, access) != 0)
            FAIL("cannot protect %.16s of %s", segment->name, one->path);
    }
}

static void find_symbols(image *one) {
    const macho_symtab_command *table = find_command(one->header, MACHO_SYMTAB);
    if (!table) return;
    one->symbols = (const macho_symbol *)(one->file + table->symbols_offset);
    one->symbol_count = table->symbol_count;
    one->strings = (const char *)one->file + table->strings_offset;
}

static void *exported(const image *one, const char *name) {
    for (uint32_t i = 0; i < one->symbol_count; i++) {
        const macho_symbol *symbol = &one->symbols[i];
        bool is_export = !(symbol->type & MACHO_SYMBOL_IS_DEBUG) && (symbol->type & MACHO_SYMBOL_EXTERNAL) &&
                         (symbol->type & MACHO_SYMBOL_TYPE) == MACHO_SYMBOL_IN_SECTION;
        if (is_export && strcmp(one->strings + symbol->name, name) == 0) return (uint8_t *)symbol->value + one->slide;
    }
    return NULL;
}

void *image_symbol(const image *one, const char *name) {
    if (one) return exported(one, name);
    for (size_t i = 0; i < count; i++) {
        void *found = exported(images[i], name);
        if (found) return found;
    }
    return NULL;
}

void *image_main(const image *one) {
    const macho_main_command *entry = find_command(one->header, MACHO_MAIN);
    if (!entry) FAIL("not a program: %s", one->path);
    return (uint8_t *)one->header + entry->entry_offset;
}

/* ---- The linker's opcodes ---- */

static uint64_t read_uleb(const uint8_t **at) {
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (!(byte & 0x80)) return value;
    }
}

static int64_t read_sleb(const uint8_t **at) {
    int64_t value = 0;
    unsigned shift = 0;
    uint8_t byte;
    do {
        byte = *(*at)++;
        value |= (int64_t)(byte & 0x7F) << shift;
        shift += 7;
    } while (byte & 0x80);
    return shift < 64 && (byte & 0x40) ? value | -((int64_t)1 << shift) : value;
}

static uint8_t *segment_start(const image *one, unsigned index) {
    const macho_segment *segment = NULL;
    do segment = next_segment(one->header, segment);
    while (segment && index-- > 0);
    if (!segment) FAIL("corrupt opcodes in %s", one->path);
    return (uint8_t *)segment->address + one->slide;
}

/* Add the slide to a word. */
static uint8_t *rebase(const image *one, uint8_t *at, uint64_t times, uint64_t skip) {
    for (; times > 0; times--, at += 8 + skip) *(uint64_t *)at += (uint64_t)one->slide;
    return at;
}

static void run_rebases(const image *one, const uint8_t *code, const uint8_t *end) {
    uint8_t *at = NULL;
    while (code < end) {
        unsigned low = *code & 15, opcode = *code++ & 0xF0;
        uint64_t times, skip;
        switch (opcode) {
        case 0x00:
            return;
        case 0x10:
            break; /* the type: pointers */
        case 0x20:
            at = segment_start(one, low) + read_uleb(&code);
            break;
        case 0x30:
            at += read_uleb(&code);
            break;
        case 0x40:
            at += low * 8;
            break;
        case 0x50:
            at = rebase(one, at, low, 0);
            break;
        case 0x60:
            at = rebase(one, at, read_uleb(&code), 0);
            break;
        case 0x70:
            at = rebase(one, at, 1, read_uleb(&code));
            break;
        case 0x80:
            times = read_uleb(&code);
            skip = read_uleb(&code);
            at = rebase(one, at, times, skip);
            break;
        default:
            FAIL("unknown rebase opcode %x in %s", opcode, one->path);
        }
    }
}

typedef struct binder {
    const image *image;
    const char *name;
    bool is_weak;
    int64_t addend;
    uint8_t *at;
    unsigned bound;
} binder;

static void bind(binder *state, uint64_t times, uint64_t skip) {
    for (; times > 0; times--, state->at += 8 + skip, state->bound++) {
        uint8_t *target = import_find(state->name, state->is_weak);
        *(uint64_t *)state->at = target ? (uint64_t)target + (uint64_t)state->addend : 0;
    }
}

/* `lazy`: each entry ends with the opcode 0, and the table with its length. */
static unsigned run_binds(const image *one, const uint8_t *code, const uint8_t *end, bool lazy) {
    binder state = {.image = one};
    while (code < end) {
        unsigned low = *code & 15, opcode = *code++ & 0xF0;
        uint64_t times, skip;
        switch (opcode) {
        case 0x00:
            if (!lazy) return state.bound;
            break;
        case 0x10:
        case 0x30:
            break; /* the library: names are unique here */
        case 0x20:
            read_uleb(&code);
            break;
        case 0x40:
            state.is_weak = low & 1;
            state.name = (const char *)code;
            code += strlen(state.name) + 1;
            break;
        case 0x50:
            break; /* the type: pointers */
        case 0x60:
            state.addend = read_sleb(&code);
            break;
        case 0x70:
            state.at = segment_start(one, low) + read_uleb(&code);
            break;
        case 0x80:
            state.at += read_uleb(&code);
            break;
        case 0x90:
            bind(&state, 1, 0);
            break;
        case 0xA0:
            bind(&state, 1, read_uleb(&code));
            break;
        case 0xB0:
            bind(&state, 1, low * 8);
            break;
        case 0xC0:
            times = read_uleb(&code);
            skip = read_uleb(&code);
            bind(&state, times, skip);
            break;
        default:
            FAIL("unknown bind opcode %x in %s", opcode, one->path);
        }
    }
    return state.bound;
}

/* Weak definitions are the first one in any image; a name that has none keeps the image's own, bound before. */
static void fix_up(image *one) {
    if (find_command(one->header, MACHO_CHAINED_FIXUPS)) FAIL("chained fixups are not supported: %s", one->path);
    const macho_dyld_info_command *info = find_command(one->header, MACHO_DYLD_INFO_ONLY);
    if (!info) info = find_command(one->header, MACHO_DYLD_INFO);
    if (!info) return;
    const uint8_t *file = one->file;
    run_rebases(one, file + info->rebase_offset, file + info->rebase_offset + info->rebase_bytes);
    run_binds(one, file + info->bind_offset, file + info->bind_offset + info->bind_bytes, false);
    run_binds(one, file + info->weak_bind_offset, file + info->weak_bind_offset + info->weak_bind_bytes, false);
    one->lazy_binds =
        run_binds(one, file + info->lazy_bind_offset, file + info->lazy_bind_offset + info->lazy_bind_bytes, true);
}

/* ---- Libraries ---- */

static bool exists(const char *path) {
    return access(path, R_OK) == 0;
}

static bool try_join(char out[PATH_MAX], const char *folder_of, const char *rest) {
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", folder_of);
    snprintf(out, PATH_MAX, "%s/%s", dirname(copy), rest);
    return exists(out);
}

/* Replace the names of folders that dyld knows. */
static bool expand(char out[PATH_MAX], const char *path, const image *loader) {
    static const char of_loader[] = "@loader_path/", of_program[] = "@executable_path/";
    if (strncmp(path, of_loader, sizeof of_loader - 1) == 0)
        return loader && try_join(out, loader->path, path + sizeof of_loader - 1);
    if (strncmp(path, of_program, sizeof of_program - 1) == 0)
        return count > 0 && try_join(out, images[0]->path, path + sizeof of_program - 1);
    snprintf(out, PATH_MAX, "%s", path);
    return exists(out);
}

static bool search_rpaths(char out[PATH_MAX], const char *rest, const image *with_paths, const image *loader) {
    const macho_command *one = NULL;
    while (with_paths && (one = next_command(with_paths->header, one))) {
        if (one->command != MACHO_RPATH) continue;
        char joined[PATH_MAX];
        snprintf(joined, sizeof joined, "%s/%s", (const char *)one + ((const macho_rpath_command *)one)->path_offset,
                 rest);
        if (expand(out, joined, loader)) return true;
    }
    return false;
}

static bool find_file(char out[PATH_MAX], const char *path, const image *loader) {
    static const char of_rpath[] = "@rpath/";
    if (strncmp(path, of_rpath, sizeof of_rpath - 1) != 0) return expand(out, path, loader);
    const char *rest = path + sizeof of_rpath - 1;
    return search_rpaths(out, rest, loader, loader) || (count > 0 && search_rpaths(out, rest, images[0], images[0]));
}

static bool is_of_system(const char *path) {
    return strncmp(path, "/usr/lib/", 9) == 0 || strncmp(path, "/System/", 8) == 0;
}

static void load_libraries(const image *one) {
    const macho_command *command = NULL;
    while ((command = next_command(one->header, command))) {
        bool is_weak = command->command == MACHO_LOAD_WEAK_DYLIB;
        if (!is_weak && command->command != MACHO_LOAD_DYLIB && command->command != MACHO_REEXPORT_DYLIB) continue;
        const char *path = (const char *)command + ((const macho_dylib_command *)command)->name_offset;
        if (is_of_system(path)) continue;
        if (!image_open(path, one) && !is_weak) FAIL("%s needs %s, which was not found", one->path, path);
    }
}

static image *find_loaded(const char *path) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(images[i]->path, path) == 0) return images[i];
    return NULL;
}

/* The program is first, as in dyld's list. */
static void add(image *one) {
    if (count == IMAGES_MAX) FAIL("too many images");
    size_t at = one->header->file_type == MACHO_EXECUTABLE ? 0 : count;
    memmove(&images[at + 1], &images[at], (count - at) * sizeof images[0]);
    images[at] = one;
    count++;
}

/* The image is listed before its libraries, whose search paths may refer to it. */
image *image_open(const char *path, const image *loader) {
    char found[PATH_MAX], real[PATH_MAX];
    if (!find_file(found, path, loader) || !realpath(found, real)) return NULL;
    image *one = find_loaded(real);
    if (one) return one;
    one = calloc(1, sizeof *one);
    one->path = strdup(real);
    read_file(one);
    map_segments(one);
    find_symbols(one);
    add(one);
    load_libraries(one);
    fix_up(one);
    protect_segments(one);
    dyld_note_added(one);
    return one;
}

void image_close(image *one) {
    for (size_t i = 0; i < count; i++) {
        if (images[i] != one) continue;
        dyld_note_removed(one);
        memmove(&images[i], &images[i + 1], (--count - i) * sizeof images[0]);
        munmap((void *)one->start, one->end - one->start);
        munmap(one->file, one->file_bytes);
        free(one->path);
        free(one);
        return;
    }
}

/* ---- Initialisers ---- */

typedef void initializer(int argument_count, char **arguments, char **environment, char **apple, void *unused);

static void call(initializer *one) {
    char *none[] = {NULL};
    one(0, none, environ, none, NULL);
}

static void initialize_section(const image *one, const macho_section *section) {
    uint8_t *at = (uint8_t *)section->address + one->slide;
    unsigned type = section->flags & 0xFF;
    for (uint8_t *end = at + section->size; type == MACHO_INITIALIZERS && at < end; at += 8) call(*(initializer **)at);
    for (uint8_t *end = at + section->size; type == MACHO_INITIALIZER_OFFSETS && at < end; at += 4)
        call((initializer *)((uint8_t *)one->header + *(uint32_t *)at));
}

/* A library is listed after the image that names it, and initialised before it. */
void images_initialize(void) {
    for (size_t i = count; i-- > 0;) {
        image *one = images[i];
        if (one->is_initialized) continue;
        one->is_initialized = true;
        const macho_segment *segment = NULL;
        while ((segment = next_segment(one->header, segment)))
            for (uint32_t k = 0; k < segment->section_count; k++)
                initialize_section(one, (const macho_section *)(segment + 1) + k);
    }
}

/* ---- The list ---- */

size_t images_count(void) {
    return count;
}

image *images_at(size_t index) {
    return index < count ? images[index] : NULL;
}

image *image_around(uintptr_t address) {
    for (size_t i = 0; i < count; i++)
        if (address - images[i]->start < images[i]->end - images[i]->start) return images[i];
    return NULL;
}
