#include "malloc_sums.h"

#include "spprof.h"

#include <string.h>

static bool read_places(PyObject *list, spprof_malloc_place *places) {
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
        unsigned long long start, size;
        int is_heap;
        if (!PyArg_ParseTuple(PyList_GET_ITEM(list, i), "KKp:malloc_sums", &start, &size, &is_heap)) return false;
        places[i] = (spprof_malloc_place){.start = start, .size = size, .is_heap = is_heap};
    }
    return true;
}

static PyObject *convert(const spprof_malloc_sums *sums) {
    typedef unsigned long long wide;
    return Py_BuildValue("{sKsKsKsKsKsKsKsO}", "heaps", (wide)sums->heaps, "heap_resident", (wide)sums->heap_resident,
                         "free_bytes", (wide)sums->free_bytes, "free_resident", (wide)sums->free_resident, "returnable",
                         (wide)sums->returnable, "mapped", (wide)sums->mapped, "mapped_resident",
                         (wide)sums->mapped_resident, "is_estimate", sums->is_estimate ? Py_True : Py_False);
}

PyObject *sp_malloc_sums_with_gil(PyObject *module, PyObject *list) {
    (void)module;
    if (!PyList_Check(list)) return PyErr_Format(PyExc_TypeError, "places must be a list");
    if (!spprof_malloc_is_glibc()) Py_RETURN_NONE;
    size_t count = (size_t)PyList_GET_SIZE(list);
    spprof_malloc_place *places = PyMem_RawCalloc(count + 1, sizeof *places);
    if (!places) return PyErr_NoMemory();
    spprof_malloc_sums sums;
    bool is_read = read_places(list, places);
    if (is_read) {
        Py_BEGIN_ALLOW_THREADS
        spprof_measure_malloc(places, count, &sums);
        Py_END_ALLOW_THREADS
    }
    PyMem_RawFree(places);
    return is_read ? convert(&sums) : NULL;
}

PyObject *sp_chunk_sizes_with_gil(PyObject *module, PyObject *addresses) {
    (void)module;
    if (!PyBytes_Check(addresses)) return PyErr_Format(PyExc_TypeError, "addresses must be bytes");
    if (!spprof_malloc_is_glibc()) Py_RETURN_NONE;
    size_t count = (size_t)PyBytes_GET_SIZE(addresses) / sizeof(uint64_t);
    PyObject *sizes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(count * sizeof(uint64_t)));
    if (!sizes) return NULL;
    const uint64_t *from = (const uint64_t *)(const void *)PyBytes_AS_STRING(addresses);
    uint64_t *to = (uint64_t *)(void *)PyBytes_AS_STRING(sizes);
    Py_BEGIN_ALLOW_THREADS
    spprof_chunk_sizes(from, count, to);
    Py_END_ALLOW_THREADS
    return sizes;
}

static const char *const kinds[] = {"unknown", "jemalloc", "tcmalloc", "mimalloc", "libmalloc"};

PyObject *sp_malloc_said_with_gil(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    typedef unsigned long long wide;
    spprof_malloc_said said;
    bool is_known;
    Py_BEGIN_ALLOW_THREADS
    is_known = spprof_ask_malloc(&said);
    Py_END_ALLOW_THREADS
    if (!is_known) Py_RETURN_NONE;
    return Py_BuildValue("(sKKK)", kinds[said.kind], (wide)said.used, (wide)said.free_bytes, (wide)said.own);
}

static PyObject *convert_extents(const spprof_extent *extents, size_t count) {
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list && i < count; i++) {
        PyObject *one = Py_BuildValue("KKK", (unsigned long long)extents[i].start, (unsigned long long)extents[i].size,
                                      (unsigned long long)extents[i].resident);
        if (!one) Py_CLEAR(list);
        if (one) PyList_SET_ITEM(list, (Py_ssize_t)i, one);
    }
    return list;
}

PyObject *sp_own_extents_with_gil(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    spprof_extent *extents = PyMem_RawCalloc(SPPROF_OWN_EXTENTS, sizeof *extents);
    if (!extents) return PyErr_NoMemory();
    size_t count;
    Py_BEGIN_ALLOW_THREADS
    count = spprof_own_extents(extents, SPPROF_OWN_EXTENTS);
    Py_END_ALLOW_THREADS
    PyObject *list = convert_extents(extents, count);
    PyMem_RawFree(extents);
    return list;
}

PyObject *sp_trim_malloc_with_gil(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    Py_BEGIN_ALLOW_THREADS
    spprof_trim_malloc();
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

/* ---- The kernel's list, as text ---- */

typedef struct text {
    char *bytes; /* from PyMem_RawMalloc */
    size_t size, room;
} text;

/* Runs without the GIL. Returns false if there is no memory. */
static bool add_text(const char *bytes, size_t size, void *data) {
    text *text = data;
    if (text->size + size > text->room) {
        size_t room = 2 * text->room + size + 32768;
        char *larger = PyMem_RawRealloc(text->bytes, room);
        if (!larger) return false;
        text->bytes = larger;
        text->room = room;
    }
    memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
    return true;
}

PyObject *sp_list_text_with_gil(PyObject *module, PyObject *measured) {
    (void)module;
    text text = {.size = 0};
    bool is_whole, is_measured = PyObject_IsTrue(measured) == 1;
    spprof_pause(); /* what it allocates is freed below */
    Py_BEGIN_ALLOW_THREADS
    is_whole = spprof_read_list(is_measured, add_text, &text);
    Py_END_ALLOW_THREADS
    PyObject *result = is_whole ? PyBytes_FromStringAndSize(text.bytes, (Py_ssize_t)text.size) : NULL;
    PyMem_RawFree(text.bytes);
    spprof_resume();
    if (!result && !PyErr_Occurred()) Py_RETURN_NONE;
    return result;
}

static bool read_ranges(PyObject *list, spprof_extent *extents) {
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
        unsigned long long start, end;
        if (!PyArg_ParseTuple(PyList_GET_ITEM(list, i), "KK:resident_of", &start, &end)) return false;
        extents[i] = (spprof_extent){.start = start, .size = end - start};
    }
    return true;
}

static PyObject *convert_resident(const spprof_extent *extents, size_t count) {
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list && i < count; i++) {
        uint64_t bytes = extents[i].resident == SPPROF_NOT_KNOWN ? 0 : extents[i].resident;
        PyObject *one = PyLong_FromUnsignedLongLong(bytes);
        if (!one) Py_CLEAR(list);
        if (one) PyList_SET_ITEM(list, (Py_ssize_t)i, one);
    }
    return list;
}

PyObject *sp_resident_of_with_gil(PyObject *module, PyObject *list) {
    (void)module;
    if (!PyList_Check(list)) return PyErr_Format(PyExc_TypeError, "ranges must be a list");
    size_t count = (size_t)PyList_GET_SIZE(list);
    spprof_extent *extents = PyMem_RawCalloc(count + 1, sizeof *extents);
    if (!extents) return PyErr_NoMemory();
    PyObject *result = NULL;
    if (read_ranges(list, extents)) {
        Py_BEGIN_ALLOW_THREADS
        spprof_measure_resident(extents, count);
        Py_END_ALLOW_THREADS
        result = convert_resident(extents, count);
    }
    PyMem_RawFree(extents);
    return result;
}
