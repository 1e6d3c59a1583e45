#include "family.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FAMILY_RECORDS 4096
#define FAMILY_TEXT 104

typedef struct record {
    _Atomic uint32_t state; /* 0: it is being written. Stored last (release), loaded first (acquire) */
    uint32_t pid;
    _Atomic uint64_t value; /* relaxed: a reader may see one of another state of the same process */
    uint8_t length;
    char text[FAMILY_TEXT];
} record;

typedef struct family {
    _Atomic uint64_t added; /* relaxed: only a number is taken; may exceed the records */
    record records[FAMILY_RECORDS];
} family;

static family *shared; /* written once, with the GIL, before there is another process */

PyObject *sp_family_open_with_gil(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    if (shared) Py_RETURN_TRUE;
    int flags = MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE;
    void *address = mmap(NULL, sizeof(family), PROT_READ | PROT_WRITE, flags, -1, 0);
    if (address != MAP_FAILED) shared = address;
    return PyBool_FromLong(shared != NULL);
}

static void change(record *of, int state, unsigned long long value) {
    atomic_store_explicit(&of->value, value, memory_order_relaxed);
    atomic_store_explicit(&of->state, (uint32_t)state, memory_order_release);
}

PyObject *sp_family_add_with_gil(PyObject *module, PyObject *arguments) {
    (void)module;
    int state;
    unsigned long long value;
    const char *text;
    Py_ssize_t length;
    if (!PyArg_ParseTuple(arguments, "iKy#:family_add", &state, &value, &text, &length)) return NULL;
    if (!shared) return PyLong_FromLong(-1);
    uint64_t number = atomic_fetch_add_explicit(&shared->added, 1, memory_order_relaxed);
    if (number >= FAMILY_RECORDS) return PyLong_FromLong(-1);
    record *own = &shared->records[number];
    own->pid = (uint32_t)getpid();
    own->length = (uint8_t)(length < FAMILY_TEXT ? length : FAMILY_TEXT);
    memcpy(own->text, text, own->length);
    change(own, state, value);
    return PyLong_FromUnsignedLongLong(number);
}

PyObject *sp_family_set_with_gil(PyObject *module, PyObject *arguments) {
    (void)module;
    int number, state;
    unsigned long long value;
    if (!PyArg_ParseTuple(arguments, "iiK:family_set", &number, &state, &value)) return NULL;
    if (shared && number >= 0 && number < FAMILY_RECORDS) change(&shared->records[number], state, value);
    Py_RETURN_NONE;
}

static PyObject *converted(const record *one, uint32_t state) {
    uint64_t value = atomic_load_explicit(&one->value, memory_order_relaxed);
    return Py_BuildValue("IIKy#", one->pid, state, (unsigned long long)value, one->text, (Py_ssize_t)one->length);
}

/* A reference to `list`, or NULL, and then it is gone. */
static PyObject *with_records(PyObject *list, uint64_t count) {
    for (uint64_t at = 0; at < count; at++) {
        const record *one = &shared->records[at];
        uint32_t state = atomic_load_explicit(&one->state, memory_order_acquire);
        if (state == 0) continue;
        PyObject *row = converted(one, state);
        bool added = row && PyList_Append(list, row) == 0;
        Py_XDECREF(row);
        if (added) continue;
        Py_DECREF(list);
        return NULL;
    }
    return list;
}

PyObject *sp_family_records_with_gil(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    uint64_t added = shared ? atomic_load_explicit(&shared->added, memory_order_relaxed) : 0;
    uint64_t count = added < FAMILY_RECORDS ? added : FAMILY_RECORDS;
    PyObject *list = PyList_New(0);
    if (list) list = with_records(list, count);
    return list ? Py_BuildValue("NK", list, (unsigned long long)(added - count)) : NULL;
}
