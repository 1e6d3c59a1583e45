#include "resident.h"

#include <stdlib.h>

typedef struct packed_block {
    uint64_t serial, resident, swapped;
} packed_block;

typedef struct block {
    spprof_extent extent;
    uint64_t serial;
} block;

static int by_address(const void *one, const void *other) {
    const spprof_extent *left = one, *right = other;
    return (left->start > right->start) - (left->start < right->start);
}

static int by_block_address(const void *one, const void *other) {
    return by_address(&((const block *)one)->extent, &((const block *)other)->extent);
}

static size_t count_large(const spprof_sample *samples, size_t count) {
    size_t large = 0;
    for (size_t i = 0; i < count; i++) large += samples[i].size >= SPPROF_LARGE_BLOCK;
    return large;
}

/* In ascending order of addresses. */
static void choose_large(const spprof_sample *samples, size_t count, block *blocks) {
    size_t chosen = 0;
    for (size_t i = 0; i < count; i++) {
        if (samples[i].size < SPPROF_LARGE_BLOCK) continue;
        blocks[chosen].extent = (spprof_extent){.start = samples[i].address, .size = samples[i].size};
        blocks[chosen++].serial = samples[i].serial;
    }
    qsort(blocks, chosen, sizeof *blocks, by_block_address);
}

static bool measure(const block *blocks, spprof_extent *extents, size_t count) {
    bool known;
    for (size_t i = 0; i < count; i++) extents[i] = blocks[i].extent;
    Py_BEGIN_ALLOW_THREADS
    known = spprof_measure_resident(extents, count);
    Py_END_ALLOW_THREADS
    return known;
}

static PyObject *pack(const block *blocks, const spprof_extent *extents, size_t count) {
    spprof_pause(); /* not sampled, like the copy of the samples */
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(count * sizeof(packed_block)));
    spprof_resume();
    if (!bytes) return NULL;
    packed_block *packed = (packed_block *)PyBytes_AS_STRING(bytes);
    for (size_t i = 0; i < count; i++)
        packed[i] = (packed_block){blocks[i].serial, extents[i].resident, extents[i].swapped};
    return bytes;
}

static PyObject *none(void) {
    Py_RETURN_NONE;
}

PyObject *sp_resident_blocks_with_gil(const spprof_sample *samples, size_t count) {
    size_t large = count_large(samples, count);
    spprof_pause(); /* freed below, and not the program's memory */
    block *blocks = PyMem_RawMalloc((large + 1) * sizeof *blocks);
    spprof_extent *extents = PyMem_RawMalloc((large + 1) * sizeof *extents);
    PyObject *result = NULL;
    if (blocks && extents) {
        choose_large(samples, count, blocks);
        result = measure(blocks, extents, large) ? pack(blocks, extents, large) : none();
    } else {
        PyErr_NoMemory();
    }
    PyMem_RawFree(extents);
    PyMem_RawFree(blocks);
    spprof_resume();
    return result;
}
