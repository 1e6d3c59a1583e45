#include "mappings.h"

#include "spprof.h"

#include <stdbool.h>

_Static_assert(sizeof(spprof_mapping) == 5 * 8 + 2 * 4, "SP_MAPPING_FORMAT");

/* Other threads keep mapping memory, so there may be more mappings than were just counted. */
static PyObject *copy_mappings(size_t *count) {
    spprof_mapping_stats stats;
    spprof_get_mapping_stats(&stats);
    size_t capacity = stats.ranges + stats.ranges / 8 + 64;
    for (;;) {
        spprof_pause(); /* otherwise the copy itself would be sampled */
        PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(capacity * sizeof(spprof_mapping)));
        spprof_resume();
        if (!bytes) return NULL;
        spprof_mapping *mappings = (spprof_mapping *)PyBytes_AS_STRING(bytes);
        Py_BEGIN_ALLOW_THREADS
        *count = spprof_copy_mappings(mappings, capacity);
        Py_END_ALLOW_THREADS
        if (*count <= capacity) return bytes;
        Py_DECREF(bytes);
        capacity = *count + *count / 8 + 64;
    }
}

static PyObject *convert_stack(uint64_t stack_id) {
    spprof_stack stack;
    if (!spprof_stack_get(stack_id, &stack))
        return PyErr_Format(PyExc_RuntimeError, "stack %llu of a mapping is missing", (unsigned long long)stack_id);
    return Py_BuildValue("(y#OO)", (const char *)stack.frames, (Py_ssize_t)(stack.count * sizeof *stack.frames),
                         stack.depth_limited ? Py_True : Py_False, stack.truncated ? Py_True : Py_False);
}

/* Return whether it succeeded; if not, an exception is set. */
static bool add_stack(PyObject *stacks, uint64_t stack_id) {
    PyObject *key = PyLong_FromUnsignedLongLong(stack_id);
    int known = key ? PyDict_Contains(stacks, key) : -1;
    PyObject *stack = known == 0 ? convert_stack(stack_id) : NULL;
    bool added = known == 1 || (stack && PyDict_SetItem(stacks, key, stack) == 0);
    Py_XDECREF(stack);
    Py_XDECREF(key);
    return added;
}

static PyObject *convert_stacks(const spprof_mapping *mappings, size_t count) {
    PyObject *stacks = PyDict_New();
    for (size_t i = 0; stacks && i < count; i++)
        if (!add_stack(stacks, mappings[i].stack_id)) Py_CLEAR(stacks);
    return stacks;
}

/* Copy both while no stack can be evicted: another thread may unmap a mapping that has just been copied. */
static PyObject *copy_with_stacks(PyObject **stacks, size_t *count) {
    spprof_keep_stacks();
    PyObject *packed = copy_mappings(count);
    *stacks = packed ? convert_stacks((const spprof_mapping *)PyBytes_AS_STRING(packed), *count) : NULL;
    spprof_let_stacks_go();
    return packed;
}

PyObject *sp_mappings_with_gil(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    PyObject *stacks;
    size_t count = 0;
    PyObject *packed = copy_with_stacks(&stacks, &count);
    if (packed && stacks) {
        spprof_pause();
        _PyBytes_Resize(&packed, (Py_ssize_t)(count * sizeof(spprof_mapping)));
        spprof_resume();
    }
    PyObject *both = packed && stacks ? PyTuple_Pack(2, packed, stacks) : NULL;
    Py_XDECREF(packed);
    Py_XDECREF(stacks);
    return both;
}

PyObject *sp_mapping_stats_with_gil(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    spprof_mapping_stats stats;
    typedef unsigned long long wide;
    spprof_get_mapping_stats(&stats);
    return Py_BuildValue("{sKsKsKsKsKsK}", "ranges", (wide)stats.ranges, "ranges_max", (wide)stats.ranges_max, "bytes",
                         (wide)stats.bytes, "made", (wide)stats.made, "dropped", (wide)stats.dropped, "vanished",
                         (wide)stats.vanished);
}
