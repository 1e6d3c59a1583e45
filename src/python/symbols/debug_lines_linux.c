#include "debug_lines.h"

#include "aside.h"
#include "pysymbols.h"
#include "spprof.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Sections of debug information are read whole. Larger files would temporarily take more memory than a profiler
 * should. */
#define FILE_SIZE_MAX (128 << 20)

/* libdw ends the process if it runs out of memory. This is more memory than it needs for a file of that size. */
#define MEMORY_OF(file_size) (4 * (size_t)(file_size) + (16 << 20))

/* ---- libdw: the part of its interface used here, unchanged since its first versions ---- */

enum { ELF_VERSION = 1, ELF_READ = 1, DWARF_READ = 0 };

typedef struct dw_die {
    void *address, *unit, *abbreviation;
    long padding;
} dw_die;

typedef struct dw_attribute {
    unsigned code, form;
    void *value, *unit;
} dw_attribute;

enum { ATTRIBUTE_COMPILATION_FOLDER = 0x1B };

typedef struct dw_elf dw_elf;
typedef struct dw_debug dw_debug;
typedef struct dw_line dw_line;

static struct {
    unsigned (*elf_version)(unsigned version);
    dw_elf *(*elf_begin)(int descriptor, int command, dw_elf *archive);
    int (*elf_end)(dw_elf *elf);
    dw_debug *(*dwarf_begin_elf)(dw_elf *elf, int command, void *group);
    int (*dwarf_end)(dw_debug *debug);
    dw_die *(*dwarf_addrdie)(dw_debug *debug, uint64_t address, dw_die *unit);
    int (*dwarf_nextcu)(dw_debug *debug, uint64_t offset, uint64_t *next, size_t *header_size, uint64_t *abbreviations,
                        uint8_t *address_size, uint8_t *offset_size);
    dw_die *(*dwarf_offdie)(dw_debug *debug, uint64_t offset, dw_die *die);
    ptrdiff_t (*dwarf_ranges)(dw_die *die, ptrdiff_t at, uint64_t *base, uint64_t *start, uint64_t *end);
    dw_attribute *(*dwarf_attr)(dw_die *die, unsigned code, dw_attribute *attribute);
    const char *(*dwarf_formstring)(dw_attribute *attribute);
    dw_line *(*dwarf_getsrc_die)(dw_die *unit, uint64_t address);
    int (*dwarf_lineno)(dw_line *line, int *number);
    const char *(*dwarf_linesrc)(dw_line *line, uint64_t *modified, uint64_t *length);
} dw;

static bool has_libdw; /* set by the only attempt to load it */

static void load_libdw(void) {
    spprof_pause();
    void *library = dlopen("libdw.so.1", RTLD_LAZY | RTLD_LOCAL);
    spprof_resume();
    bool whole = library != NULL;
#define FIND(name) whole = whole && (*(void **)&dw.name = dlsym(library, #name)) != NULL
    FIND(elf_version);
    FIND(elf_begin);
    FIND(elf_end);
    FIND(dwarf_begin_elf);
    FIND(dwarf_end);
    FIND(dwarf_addrdie);
    FIND(dwarf_nextcu);
    FIND(dwarf_offdie);
    FIND(dwarf_ranges);
    FIND(dwarf_attr);
    FIND(dwarf_formstring);
    FIND(dwarf_getsrc_die);
    FIND(dwarf_lineno);
    FIND(dwarf_linesrc);
#undef FIND
    whole = whole && dw.elf_version(ELF_VERSION) != 0;
    has_libdw = whole;
}

/* pthread_once, because interpreters may have separate GILs. */
static bool find_libdw(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load_libdw);
    return has_libdw;
}

/* ---- One file ---- */

typedef struct debug_file {
    int descriptor;
    dw_elf *elf;
    dw_debug *debug;
} debug_file;

static void close_file(debug_file *file) {
    if (file->debug) dw.dwarf_end(file->debug);
    if (file->elf) dw.elf_end(file->elf);
    if (file->descriptor >= 0) close(file->descriptor);
}

/* Return whether the process may map this much more memory. A limit would refuse this test mapping as well. */
static bool has_room(size_t size) {
    void *room = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return room != MAP_FAILED && munmap(room, size) == 0;
}

static bool open_file(debug_file *file, const char *path) {
    struct stat status;
    *file = (debug_file){.descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
    if (file->descriptor < 0 || fstat(file->descriptor, &status) != 0 || !S_ISREG(status.st_mode)) return false;
    if (status.st_size == 0 || status.st_size > FILE_SIZE_MAX) return false;
    if (!has_room(MEMORY_OF(status.st_size))) return false;
    file->elf = dw.elf_begin(file->descriptor, ELF_READ, NULL);
    if (file->elf) file->debug = dw.dwarf_begin_elf(file->elf, DWARF_READ, NULL);
    return file->debug != NULL;
}

/* ---- Its lines ---- */

typedef struct source_line {
    const char *file;   /* NULL: unknown. The strings are valid while the file is open */
    const char *folder; /* the compiler's working folder, NULL if not recorded */
    int number;
} source_line;

static const char *compilation_folder(dw_die *unit) {
    dw_attribute attribute;
    bool known = dw.dwarf_attr(unit, ATTRIBUTE_COMPILATION_FOLDER, &attribute) != NULL;
    return known ? dw.dwarf_formstring(&attribute) : NULL;
}

static void read_line(dw_die *unit, uint64_t address, source_line *out) {
    dw_line *line = dw.dwarf_getsrc_die(unit, address);
    int number = 0;
    const char *file = line ? dw.dwarf_linesrc(line, NULL, NULL) : NULL;
    if (file && dw.dwarf_lineno(line, &number) == 0 && number > 0)
        *out = (source_line){file, compilation_folder(unit), number};
}

/* Use the file's own index of addresses (.debug_aranges), which not all compilers write. Return how many addresses
 * have no line yet. */
static size_t find_by_index(dw_debug *debug, const uint64_t *addresses, size_t count, source_line *lines) {
    size_t missing = 0;
    for (size_t i = 0; i < count; i++) {
        dw_die unit;
        if (dw.dwarf_addrdie(debug, addresses[i], &unit)) read_line(&unit, addresses[i], &lines[i]);
        missing += lines[i].file == NULL;
    }
    return missing;
}

/* Find the missing lines that one unit contains. Return how many it had. */
static size_t find_in_unit(dw_die *unit, const uint64_t *addresses, size_t count, source_line *lines) {
    uint64_t base = 0, start, end;
    ptrdiff_t at = 0;
    size_t found = 0;
    while ((at = dw.dwarf_ranges(unit, at, &base, &start, &end)) > 0)
        for (size_t i = 0; i < count && addresses[i] < end; i++) {
            if (addresses[i] < start || lines[i].file) continue;
            read_line(unit, addresses[i], &lines[i]);
            found += lines[i].file != NULL;
        }
    return found;
}

static void find_in_units(dw_debug *debug, const uint64_t *addresses, size_t count, source_line *lines,
                          size_t missing) {
    uint64_t offset = 0, next;
    size_t header_size;
    for (; missing > 0 && dw.dwarf_nextcu(debug, offset, &next, &header_size, NULL, NULL, NULL) == 0; offset = next) {
        dw_die unit;
        if (dw.dwarf_offdie(debug, offset + header_size, &unit))
            missing -= find_in_unit(&unit, addresses, count, lines);
    }
}

static void find_lines(debug_file *file, const char *path, const uint64_t *addresses, size_t count,
                       source_line *lines) {
    if (!open_file(file, path)) return;
    size_t missing = find_by_index(file->debug, addresses, count, lines);
    find_in_units(file->debug, addresses, count, lines, missing);
}

/* ---- As Python objects ---- */

static PyObject *convert_line(const source_line *line) {
    if (!line->file) Py_RETURN_NONE;
    bool is_relative = line->file[0] != '/' && line->folder;
    PyObject *path =
        is_relative ? PyBytes_FromFormat("%s/%s", line->folder, line->file) : PyBytes_FromString(line->file);
    if (!path) return NULL;
    PyObject *file = PyUnicode_DecodeFSDefaultAndSize(PyBytes_AS_STRING(path), PyBytes_GET_SIZE(path));
    Py_DECREF(path);
    return file ? Py_BuildValue("(Ni)", file, line->number) : NULL;
}

static PyObject *convert_lines(const source_line *lines, size_t count) {
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list && i < count; i++) {
        PyObject *line = convert_line(&lines[i]);
        if (line)
            PyList_SET_ITEM(list, (Py_ssize_t)i, line);
        else
            Py_CLEAR(list);
    }
    return list;
}

static PyObject *look_up(const char *path, const uint64_t *addresses, size_t count) {
    source_line *lines = sp_pysymbols_allocate_with_gil(count, sizeof *lines);
    if (!lines) return NULL;
    debug_file file = {.descriptor = -1};
    bool is_loaded = find_libdw();
    int64_t countdown = sp_aside_begin();
    if (is_loaded) {
        Py_BEGIN_ALLOW_THREADS
        find_lines(&file, path, addresses, count, lines);
        Py_END_ALLOW_THREADS
    }
    PyObject *result = convert_lines(lines, count);
    close_file(&file);
    PyMem_RawFree(lines);
    sp_aside_end(countdown);
    return result;
}

PyObject *sp_debug_lines_with_gil(PyObject *module, PyObject *arguments) {
    (void)module;
    PyObject *path, *addresses;
    size_t count;
    if (!PyArg_ParseTuple(arguments, "O&O:lines", PyUnicode_FSConverter, &path, &addresses)) return NULL;
    uint64_t *numbers = sp_pysymbols_numbers_with_gil(addresses, &count);
    PyObject *result = numbers ? look_up(PyBytes_AS_STRING(path), numbers, count) : NULL;
    PyMem_RawFree(numbers);
    Py_DECREF(path);
    return result;
}
