#include "family.h"

#include "family_memory.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FAMILY_RECORDS 32768
#define FAMILY_TEXT 487

typedef struct record {
    _Atomic uint32_t state; /* 0: still being written. Stored last (release), loaded first (acquire) */
    uint32_t pid;
    _Atomic uint64_t value; /* relaxed: a reader may see the value that goes with another state of that process */
    uint8_t length[2];      /* low byte first */
    char text[FAMILY_TEXT];
} record;

typedef struct family {
    uint64_t mark, record_bytes; /* written before other processes can find them; record_bytes detects other versions */
    _Atomic uint64_t added;      /* relaxed: it only assigns numbers; may exceed the records */
    record records[FAMILY_RECORDS];
} family;

static family *shared; /* written once, with the GIL, like the door */
static sp_family_door door = {.number = -1};
static bool has_joined; /* another program created the memory */

static family *mapped(int file) {
    int kind = file < 0 ? MAP_ANONYMOUS | MAP_NORESERVE : 0;
    void *address = mmap(NULL, sizeof(family), PROT_READ | PROT_WRITE, MAP_SHARED | kind, file, 0);
    return address == MAP_FAILED ? NULL : address;
}

PyObject *sp_family_open_with_gil(PyObject *module, PyObject *mark) {
    (void)module;
    unsigned long long value = PyLong_AsUnsignedLongLongMask(mark);
    if (PyErr_Occurred()) return NULL;
    if (shared) Py_RETURN_TRUE;
    door = (sp_family_door){.pid = getpid(), .mark = value};
    int file = sp_family_memory_create(&door, sizeof(family));
    shared = mapped(file);
    sp_family_memory_close(file);
    if (shared) shared->mark = value, shared->record_bytes = sizeof(record);
    return PyBool_FromLong(shared != NULL);
}

PyObject *sp_family_door_with_gil(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    bool is_own = shared && !has_joined;
    return Py_BuildValue("iK", is_own ? door.number : -1, shared ? (unsigned long long)shared->mark : 0);
}

static family *of_file(int file, unsigned long long mark) {
    family *found = mapped(file);
    if (!found || (found->mark == mark && found->record_bytes == sizeof(record))) return found;
    munmap(found, sizeof(family));
    return NULL;
}

PyObject *sp_family_join_with_gil(PyObject *module, PyObject *arguments) {
    (void)module;
    int pid, number;
    unsigned long long mark;
    if (!PyArg_ParseTuple(arguments, "iiK:family_join", &pid, &number, &mark)) return NULL;
    if (shared) Py_RETURN_TRUE;
    sp_family_door found = {.pid = pid, .number = number, .mark = mark};
    int file = sp_family_memory_open(&found, sizeof(family));
    if (file < 0) Py_RETURN_FALSE;
    shared = of_file(file, mark);
    sp_family_memory_close(file);
    if (!shared) Py_RETURN_FALSE;
    door = found;
    has_joined = pid != getpid(); /* otherwise this was the first process before it called exec */
    if (!has_joined) sp_family_memory_inherit(&door);
    Py_RETURN_TRUE;
}

PyObject *sp_family_is_there_with_gil(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return PyBool_FromLong(shared && sp_family_memory_is_there(&door));
}

PyObject *sp_family_hand_over_with_gil(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    if (shared && door.pid == getpid()) sp_family_memory_hand_over(&door);
    Py_RETURN_NONE;
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
    size_t kept = length < FAMILY_TEXT ? (size_t)length : FAMILY_TEXT;
    own->length[0] = kept & 0xFF, own->length[1] = (uint8_t)(kept >> 8);
    memcpy(own->text, text, kept);
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
    Py_ssize_t length = one->length[0] | one->length[1] << 8;
    if (length > FAMILY_TEXT) length = FAMILY_TEXT; /* another process wrote it: do not trust it */
    return Py_BuildValue("IIKy#", one->pid, state, (unsigned long long)value, one->text, length);
}

/* Return `list` itself (the same reference), or NULL after releasing it. */
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
    if (list && shared && door.pid == getpid()) sp_family_memory_read(&door);
    return list ? Py_BuildValue("NK", list, (unsigned long long)(added - count)) : NULL;
}
