/* resident_mappings.c: mappings with their resident bytes, and with the files that the kernel lists for them.
 *
 *   packed mappings ──► rows ◄── the kernel's list: a path for each; other mapped files become separate rows
 *                        └─► measured, in ascending order of addresses ─► bytes, paths
 */
#include "resident.h"

#include <stdlib.h>
#include <string.h>

typedef struct row {
    uint64_t address, size, resident, swapped, stack_id;
    int64_t time_ns;
    double probability;
    uint32_t thread_id, kind, path, unused;
} row;
_Static_assert(sizeof(row) == 5 * 8 + 2 * 8 + 4 * 4, "SP_MAPPED_FORMAT");

typedef struct rows {
    row *all;
    size_t mapped, count, room; /* the first rows are the packed mappings, ascending */
    size_t next;                /* the first mapping that may overlap the next one that the kernel lists */
    char *paths;                /* each path NUL-terminated */
    size_t paths_size, paths_room;
    uint32_t path_count;
    size_t last_path; /* where the latest path begins */
    bool is_short;    /* out of memory */
} rows;

/* ---- Rows and paths. No lock of the interpreter is held ---- */

static bool grow(void **memory, size_t *room, size_t wanted, size_t each) {
    if (wanted <= *room) return true;
    size_t larger = wanted + wanted / 2 + 64;
    void *moved = PyMem_RawRealloc(*memory, larger * each);
    if (!moved) return false;
    *memory = moved;
    *room = larger;
    return true;
}

/* The parts of a mapping are adjacent in the list, so equal paths follow one another. */
static uint32_t add_path(rows *of, const char *path) {
    size_t size = strlen(path) + 1;
    if (of->path_count > 0 && strcmp(of->paths + of->last_path, path) == 0) return of->path_count - 1;
    void *memory = of->paths;
    of->is_short |= !grow(&memory, &of->paths_room, of->paths_size + size, 1);
    of->paths = memory;
    if (of->is_short) return SP_NO_PATH;
    of->last_path = of->paths_size;
    memcpy(of->paths + of->paths_size, path, size);
    of->paths_size += size;
    return of->path_count++;
}

static void add_row(rows *of, const spprof_file_map *map) {
    uint32_t path = add_path(of, map->path);
    void *memory = of->all;
    of->is_short |= !grow(&memory, &of->room, of->count + 1, sizeof(row));
    of->all = memory;
    if (of->is_short) return;
    of->all[of->count++] = (row){.address = map->start,
                                 .size = map->end - map->start,
                                 .probability = 1,
                                 .kind = SPPROF_MAPPING_FILE,
                                 .path = path};
}

/* ---- The kernel's list ---- */

static bool begins(const char *path, const char *with) {
    return strncmp(path, with, strlen(with)) == 0;
}

/* A device's memory is not part of any process's RSS. */
static bool is_device(const char *path) {
    return begins(path, "/dev/") && !begins(path, "/dev/shm/") && !begins(path, "/dev/zero") &&
           !begins(path, "/dev/hugepages/");
}

/* libc maps this file for itself, although the mapping is shared. */
static bool is_libcs(const char *path) {
    const char *name = strrchr(path, '/');
    return name && strcmp(name, "/gconv-modules.cache") == 0;
}

/* Return whether the program mapped this file, rather than the loader or libc. The loader maps code, and libc maps
 * files private and read-only. Shared memory without a name may be ours. */
static bool is_the_programs(const spprof_file_map *map) {
    bool is_file = map->path[0] == '/' && !is_device(map->path) && !begins(map->path, "/dev/zero") &&
                   !begins(map->path, "/memfd:spprof-");
    return is_file && !map->is_code && !is_libcs(map->path) && (map->is_shared || map->is_writable);
}

static void visit_file(const spprof_file_map *map, void *data) {
    rows *of = data;
    while (of->next < of->mapped && of->all[of->next].address + of->all[of->next].size <= map->start) of->next++;
    bool is_listed = of->next < of->mapped && of->all[of->next].address < map->end;
    if (!is_listed && is_the_programs(map)) add_row(of, map);
    if (!is_listed) return;
    uint32_t path = add_path(of, map->path);
    for (size_t i = of->next; i < of->mapped && of->all[i].address < map->end; i++)
        if (of->all[i].path == SP_NO_PATH) of->all[i].path = path;
}

/* ---- Measuring ---- */

static int by_address(const void *one, const void *other) {
    const row *left = one, *right = other;
    return (left->address > right->address) - (left->address < right->address);
}

static void measure(rows *of, spprof_extent *extents) {
    for (size_t i = 0; i < of->count; i++)
        extents[i] = (spprof_extent){.start = of->all[i].address, .size = of->all[i].size};
    spprof_measure_resident(extents, of->count);
    for (size_t i = 0; i < of->count; i++) {
        of->all[i].resident = extents[i].resident;
        of->all[i].swapped = extents[i].swapped;
    }
}

/* Set the rows of device paths to 0 resident bytes. */
static void empty_devices(rows *of) {
    const char *path = of->paths;
    for (uint32_t number = 0; number < of->path_count; number++, path += strlen(path) + 1)
        for (size_t i = 0; is_device(path) && i < of->count; i++)
            if (of->all[i].path == number) of->all[i].resident = of->all[i].swapped = 0;
}

static void find_out(rows *of) {
    spprof_each_file(visit_file, of);
    spprof_extent *extents = PyMem_RawMalloc((of->count + 1) * sizeof *extents);
    of->is_short |= !extents;
    if (!of->is_short) {
        qsort(of->all, of->count, sizeof *of->all, by_address);
        measure(of, extents);
        empty_devices(of);
    }
    PyMem_RawFree(extents);
}

/* ---- For Python ---- */

static bool fill(rows *of, const spprof_mapping *mappings, size_t count) {
    *of = (rows){.mapped = count, .count = count, .room = count + 64};
    of->all = PyMem_RawMalloc(of->room * sizeof *of->all);
    for (size_t i = 0; of->all && i < count; i++)
        of->all[i] = (row){.address = mappings[i].address,
                           .size = mappings[i].size,
                           .stack_id = mappings[i].stack_id,
                           .time_ns = mappings[i].time_ns,
                           .probability = mappings[i].probability,
                           .thread_id = mappings[i].thread_id,
                           .kind = mappings[i].kind,
                           .path = SP_NO_PATH};
    return of->all != NULL;
}

static PyObject *list_paths(const rows *of) {
    PyObject *list = PyList_New(0);
    const char *path = of->paths;
    for (uint32_t i = 0; list && i < of->path_count; i++, path += strlen(path) + 1) {
        PyObject *text = PyUnicode_DecodeFSDefault(path);
        if (!text || PyList_Append(list, text) != 0) Py_CLEAR(list);
        Py_XDECREF(text);
    }
    return list;
}

static PyObject *convert(const rows *of) {
    if (of->is_short) return PyErr_NoMemory();
    PyObject *packed = PyBytes_FromStringAndSize((const char *)of->all, (Py_ssize_t)(of->count * sizeof *of->all));
    PyObject *paths = packed ? list_paths(of) : NULL;
    PyObject *both = paths ? PyTuple_Pack(2, packed, paths) : NULL;
    Py_XDECREF(paths);
    Py_XDECREF(packed);
    return both;
}

PyObject *sp_resident_mappings_with_gil(PyObject *module, PyObject *packed) {
    (void)module;
    rows of;
    char *bytes;
    Py_ssize_t size;
    if (PyBytes_AsStringAndSize(packed, &bytes, &size) != 0) return NULL;
    spprof_pause(); /* freed below, and the result is not the program's memory */
    PyObject *result = NULL;
    if (fill(&of, (const spprof_mapping *)bytes, (size_t)size / sizeof(spprof_mapping))) {
        Py_BEGIN_ALLOW_THREADS
        find_out(&of);
        Py_END_ALLOW_THREADS
        result = convert(&of);
    } else {
        PyErr_NoMemory();
    }
    PyMem_RawFree(of.paths);
    PyMem_RawFree(of.all);
    spprof_resume();
    return result;
}

PyObject *sp_resident_thread_name_with_gil(PyObject *module, PyObject *thread_id) {
    (void)module;
    char name[SPPROF_THREAD_NAME_SIZE];
    unsigned long id = PyLong_AsUnsignedLong(thread_id);
    if (PyErr_Occurred()) return NULL;
    spprof_thread_name((uint32_t)id, name);
    return PyUnicode_DecodeUTF8(name, (Py_ssize_t)strlen(name), "backslashreplace");
}

/* Append an id to the list, unless an error has occurred. */
static void append_id(uint32_t thread_id, void *list) {
    PyObject *id = PyErr_Occurred() ? NULL : PyLong_FromUnsignedLong(thread_id);
    if (id) PyList_Append(list, id);
    Py_XDECREF(id);
}

PyObject *sp_resident_thread_ids_with_gil(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    PyObject *list = PyList_New(0);
    if (list && !spprof_each_thread(append_id, list) && !PyErr_Occurred())
        PyList_SetSlice(list, 0, PY_SSIZE_T_MAX, NULL);
    if (list && PyErr_Occurred()) Py_CLEAR(list);
    return list;
}
